"""The scores of GLUE's tasks against values by hand."""

import pytest
import torch

from acn_bench.data.glue.tasks import TASKS
from acn_bench.evaluation.glue_scores import confusion, scores

LABELS = torch.tensor([1, 1, 1, 0, 0])
PREDICTED = torch.tensor(
    [[1, 1, 0, 0, 1], [0, 0, 0, 0, 0]]
)  # 2 true, 1 false positives, …; constant


def test_classes_have_accuracy_f1_and_matthews_by_depth():
    assert scores(TASKS["mrpc"], PREDICTED, LABELS) == {
        "f1": pytest.approx([2 / 3, 0]),
        "accuracy": [0.6, 0.4],
    }
    assert scores(TASKS["cola"], PREDICTED, LABELS) == {
        "matthews": pytest.approx([1 / 6, 0]),
        "accuracy": [0.6, 0.4],
    }
    assert confusion(TASKS["cola"], PREDICTED, LABELS) == [[[1, 1], [1, 2]], [[2, 0], [3, 0]]]


def test_numbers_have_correlations_and_constant_ones_none():
    labels = torch.tensor([0.0, 1.0, 2.0, 5.0])
    predicted = torch.stack([labels**2, torch.zeros(4)])
    made = scores(TASKS["stsb"], predicted, labels)
    assert made["spearman"] == [1.0, 0.0]
    assert 0.9 < made["pearson"][0] < 1
    assert confusion(TASKS["stsb"], predicted, labels) == []
