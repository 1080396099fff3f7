"""A head for each experience, and labels that name one."""

import pytest
import torch
from torch import nn

from acn_bench.backbones import Heads


@pytest.fixture
def heads():
    torch.manual_seed(0)
    return Heads([nn.Linear(4, 2), nn.Linear(4, 3)])


@torch.no_grad()
def test_an_example_goes_through_the_head_of_its_experience_and_has_no_other_classes(heads):
    features = torch.rand(3, 4)
    logits = heads(features, torch.tensor([1, 0, 1]))
    torch.testing.assert_close(logits[[0, 2]], heads[1](features[[0, 2]]))
    torch.testing.assert_close(logits[1, :2], heads[0](features[1]))
    assert logits[1, 2] == -1000
    assert torch.equal(heads(features, 0), heads(features, torch.zeros(3, dtype=torch.int64)))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (2, "unknown head 2: the heads are 0 to 1"),
        (-1, "unknown head -1: the heads are 0 to 1"),  # no last one of a list
        (torch.tensor([0, -1, 0]), "unknown head -1"),
        (torch.tensor([0, 1]), r"expected task labels \(3,\) of integers .* got \(2,\)"),
        (torch.tensor([0.0, 1.0, 0.0]), r"got \(3,\) of torch.float32"),
        (torch.tensor(1), r"got \(\) of torch.int64"),
        (None, "or one int for all, got None"),
    ],
)
def test_labels_that_name_no_head_are_refused(heads, labels, message):
    with pytest.raises(ValueError, match=message):
        heads(torch.rand(3, 4), labels)
