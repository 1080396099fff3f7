"""The test keeps its level where it is hardest, and finds what is there."""

from math import sqrt

import numpy as np
import pytest
from scipy.special import gammaln
from scipy.stats import norm

from acn_bench import metrics, noninferiority

GAINED = [0, 1e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.04]  # P(gained): the nuisance


def level(count, margin):
    """The probability of rejecting where the loss is exactly the margin, for each of GAINED; enumerated."""
    most = int(count * (max(GAINED) + margin) + 8 * sqrt(count * (max(GAINED) + margin)) + 8)
    # the score grows with `lost` and falls with `gained`: for each `lost`, from where on is it rejected?
    lost, gained, start = [], [], 0
    for b in range(most):
        while start < most and not noninferiority.shown(b, start, count, margin):
            start += 1
        lost += [b] * (most - start)
        gained += range(start, most)
    b, c = np.array(lost), np.array(gained)
    inside = b + c <= count
    b, c = b[inside], c[inside]
    ways = gammaln(count + 1) - gammaln(b + 1) - gammaln(c + 1) - gammaln(count - b - c + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return [
            np.exp(
                ways
                + b * np.log(q + margin)
                + np.where(c > 0, c * np.log(q), 0.0)
                + (count - b - c) * np.log1p(-2 * q - margin)
            ).sum()
            for q in GAINED
        ]


@pytest.mark.parametrize("count", [100, 300, 500, 1000])
@pytest.mark.parametrize("margin", [0.005, 0.01, 0.02])
def test_a_loss_of_the_margin_passes_in_less_than_one_case_of_twenty(count, margin):
    assert max(level(count, margin)) <= 0.05


def test_the_level_is_used_where_pairs_are_many():
    assert max(level(1000, 0.02)) > 0.04


def test_the_score_is_tangos_with_half_an_example_more():
    # by hand: the score's variance at the likelihood's maximum on the line P(lost) = P(gained) + margin
    lost, gained, count, margin = 12, 7, 400, 0.02
    q = np.linspace(1e-6, 0.2, 200_001)
    rest = count - lost - gained
    likelihood = lost * np.log(q + margin) + gained * np.log(q) + rest * np.log1p(-2 * q - margin)
    best = q[likelihood.argmax()]
    error = sqrt(count * (2 * best + margin - margin**2))
    expected = (lost - gained + 0.5 - count * margin) / error
    assert noninferiority.score(lost, gained, count, margin) == pytest.approx(expected, abs=1e-5)


def test_without_a_discordant_pair_the_number_of_examples_decides():
    assert not noninferiority.shown(0, 0, 360)
    assert noninferiority.shown(0, 0, 361)
    assert not noninferiority.shown(0, 0, 361, confidence=0.99)


def test_more_lost_is_harder_and_more_gained_is_easier():
    scores = [noninferiority.score(b, 5, 800, 0.01) for b in range(30)]
    assert scores == sorted(scores)
    scores = [noninferiority.score(5, c, 800, 0.01) for c in range(30)]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ((1, 1, 100, 0.0), "margin"),
        ((1, 1, 100, 1.0), "margin"),
        ((1, 1, 100, float("nan")), "margin"),
        ((1, 1, 100, 0.01, 1.0), "confidence"),
        ((1, 1, 100, 0.01, 0.4), "confidence"),
        ((-1, 1, 100), "-1 lost"),
        ((60, 60, 100), "60 gained"),
        ((0, 0, 0), "0 examples"),
    ],
)
def test_what_cannot_be_is_refused(pairs, message):
    with pytest.raises(ValueError, match=message):
        noninferiority.shown(*pairs)


# ---------------------------------------------------------------- of several depths, the smallest


def drawn(losses, churn, count, runs, seed):
    """(runs, L+1, 2) lost and gained of correlated depths: an example that flips at k flips at all below.

    Each example has a latent level; depth k has it wrong where that lies under a threshold. `churn` is the
    share of examples that gain at each depth, the loss is exact: P(lost) = loss + churn.
    """
    rng = np.random.default_rng(seed)
    counts = np.zeros((runs, len(losses), 2), int)
    for r in range(runs):
        latent = rng.random(count)
        for k, loss in enumerate(losses):
            gain = churn if k < len(losses) - 1 else 0.0
            counts[r, k] = (latent < loss + gain).sum(), (latent > 1 - gain).sum()
    return counts


@pytest.mark.parametrize("count", [100, 500, 2500])
@pytest.mark.parametrize("churn", [0.0, 0.005, 0.05])
def test_a_depth_that_loses_epsilon_is_chosen_in_less_than_one_case_of_twenty(count, churn):
    # the deepest cut loses nothing, the next ones exactly epsilon: each of them would be an error
    losses, runs = [0.3, 0.01, 0.01, 0.01, 0.0, 0.0], 1500
    chosen = [
        metrics.sufficient_depth_of_changes(c.tolist(), count)
        for c in drawn(losses, churn, count, runs, seed=count)
    ]
    wrong = np.mean([k <= 3 for k in chosen])
    assert wrong <= 0.05 + norm.ppf(0.999) * sqrt(0.05 * 0.95 / runs)


def test_a_depth_that_loses_nothing_is_found_where_examples_are_many():
    losses = [0.3, 0.1, 0.0, 0.0, 0.0, 0.0]
    few, many = (
        [
            metrics.sufficient_depth_of_changes(c.tolist(), n)
            for c in drawn(losses, 0.005, n, 300, 0)
        ]
        for n in (300, 2500)
    )
    assert np.mean([k == 2 for k in many]) > 0.9
    assert np.mean([k == 2 for k in few]) < 0.5  # few examples cut less, not more
    assert min(many) == 2
