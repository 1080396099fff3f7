"""A linear probe finds the optimum, the same one every time, and nothing beyond it."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from acn_bench.evaluation.linear_probe import fit


@pytest.fixture
def examples():
    """Three overlapping clouds in six dimensions, of unequal scales, and a feature that says nothing."""
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(300) % 3
    centres = torch.randn(3, 6, generator=draw)
    x = centres[y] + 1.5 * torch.randn(300, 6, generator=draw)
    return torch.cat([x * torch.tensor([1, 10, 0.1, 3, 1, 1]) + 5, torch.ones(300, 1)], dim=1), y


def test_it_is_the_regression_that_scikit_learn_fits(examples):
    x, y = examples
    probe = fit((x, y), (x, y), 3, [0.01])
    spread = x.std(dim=0, correction=0)
    spread[spread == 0] = 1
    standard = ((x - x.mean(dim=0)) / spread).double().numpy()
    # C weighs the summed loss: C = 1 / (p N)
    sklearn_probe = LogisticRegression(C=1 / (0.01 * 300), tol=1e-10, max_iter=5000).fit(
        standard, y
    )
    np.testing.assert_allclose(
        probe(x).softmax(dim=1).numpy(), sklearn_probe.predict_proba(standard), atol=2e-4
    )


def test_fitting_again_gives_the_same_weights_and_draws_nothing(examples):
    x, y = examples
    random = torch.random.get_rng_state()
    first, second = (fit((x, y), (x, y), 3, [0.01]) for _ in range(2))
    assert torch.equal(first.weight, second.weight)
    assert torch.equal(torch.random.get_rng_state(), random)


def test_held_out_rows_choose_the_penalty(examples):
    x, y = examples
    wrong = (y + 1) % 3
    # to be right of wrong labels, saying nothing is best: the strongest penalty
    assert fit((x, y), (x, wrong), 3, [1e-4, 1e4]).penalty == 1e4
    assert fit((x, y), (x, y), 3, [1e-4, 1e4]).penalty == 1e-4


def test_features_of_inference_mode_can_be_probed(examples):
    x, y = examples
    with torch.inference_mode():
        x = x.clone()
    assert torch.isfinite(fit((x, y), (x, y), 3, [1e-3]).weight).all()


def test_of_equally_good_penalties_the_largest_is_kept(examples):
    x, y = examples
    assert fit((x, y), (x, y), 3, [1e-9, 1e-10]).penalty == 1e-9
