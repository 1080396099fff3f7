"""Accuracy, NLL, ECE and Brier score of logits that can be worked out by hand."""

import math

import pytest
import torch

from acn_bench.benchmarks.robustness.result import BINS as BINS_OF_A_RECORD
from acn_bench.evaluation import calibration
from acn_bench.evaluation.calibration import BINS, predictions, reliability


def logits(*probabilities):
    """(1, N, K) logits whose softmax are these probabilities."""
    return torch.tensor([probabilities], dtype=torch.float64).log()


def test_scores_of_two_predictions_are_those_worked_out_by_hand():
    made = predictions(logits((0.7, 0.2, 0.1), (0.3, 0.6, 0.1)), torch.tensor([0, 2]))
    assert made.accuracy == [0.5]
    assert made.mean_nll == pytest.approx([-(math.log(0.7) + math.log(0.1)) / 2])
    first = 0.3**2 + 0.2**2 + 0.1**2
    second = 0.3**2 + 0.6**2 + 0.9**2
    assert made.mean_brier == pytest.approx([(first + second) / 2])
    # two bins of one example each: |1 − 0.7| and |0 − 0.6|
    assert made.calibration_error == pytest.approx([(0.3 + 0.6) / 2])


def test_examples_of_one_bin_are_averaged_before_they_are_compared():
    rows = [(0.95, 0.05)] * 4
    made = predictions(logits(*rows), torch.tensor([0, 0, 0, 1]))
    assert made.calibration_error == pytest.approx([0.95 - 0.75])
    bins = reliability(made)
    assert bins.count[0].tolist() == [0.0] * (BINS - 1) + [4.0]
    assert bins.correct[0, -1] == 3
    assert bins.confidence[0, -1].item() == pytest.approx(3.8)


def test_an_edge_belongs_to_the_bin_below_it_and_a_sure_prediction_to_the_last():
    confidence = torch.tensor([[1 / BINS, 1 / BINS + 1e-9, 1.0]], dtype=torch.float64)
    made = calibration.Predictions(torch.ones(1, 3, dtype=torch.bool), confidence, confidence, confidence)  # fmt: skip
    assert reliability(made).count.nonzero()[:, 1].tolist() == [0, 1, BINS - 1]


def test_every_depth_has_scores_of_its_own():
    values = torch.cat([logits((0.9, 0.1), (0.9, 0.1)), logits((0.2, 0.8), (0.4, 0.6))])
    made = predictions(values, torch.tensor([0, 1]))
    assert made.accuracy == [0.5, 0.5]
    alone = [predictions(values[k : k + 1], torch.tensor([0, 1])) for k in (0, 1)]
    for name in ("mean_nll", "mean_brier", "calibration_error"):
        assert getattr(made, name) == pytest.approx([getattr(a, name)[0] for a in alone])


def test_scores_do_not_depend_on_how_examples_are_batched():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(3, 50, 10, generator=generator)
    labels = torch.randint(10, (50,), generator=generator)
    whole = predictions(values, labels)
    parts = [
        predictions(v, n) for v, n in zip(values.split(7, dim=1), labels.split(7), strict=True)
    ]
    joined = calibration.joined(parts)
    for name in ("correct", "confidence", "nll", "brier"):
        assert torch.equal(getattr(joined, name), getattr(whole, name))
    assert joined.calibration_error == whole.calibration_error


def test_a_hopeless_prediction_has_a_finite_loss():
    made = predictions(torch.tensor([[[0.0, 2000.0]]]), torch.tensor([0]))
    assert made.mean_nll == [2000.0]
    assert made.mean_brier == pytest.approx([2.0])


def test_a_record_has_the_bins_that_are_counted():
    assert BINS == BINS_OF_A_RECORD == 15
