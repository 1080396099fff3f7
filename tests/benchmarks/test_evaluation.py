"""Evaluation changes nothing."""

import torch
from torch import nn

from acn_bench.backbones import build
from acn_bench.evaluation import correctness


def test_a_part_in_evaluation_mode_stays_in_it():
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout())
    model[0].eval()
    with correctness.evaluating(model):
        assert not any(m.training for m in model.modules())
        assert torch.is_inference_mode_enabled()
    assert [m.training for m in model.modules()] == [True, False, True]


def test_a_network_of_ours_gives_every_depth_and_any_other_one_row():
    images = torch.rand(5, 3, 32, 32)
    backbone = build("ac_mixer", 3, depth=2, patch_size=16, width=8).eval()
    backbone.head = nn.Identity()
    other = nn.Flatten().eval()
    assert correctness.features(backbone, images, depths=True).shape == (3, 5, 8)
    assert correctness.features(backbone, images, depths=False).shape == (1, 5, 8)
    assert correctness.features(other, images, depths=True).shape == (1, 5, 3072)


def test_right_or_not_at_every_depth_and_its_share():
    logits = torch.tensor([[[1.0, 0], [0, 1]], [[0, 1.0], [0, 1]]])  # (2 depths, 2 examples, 2)
    right = correctness.correct(logits, torch.tensor([0, 1]))
    assert right.depths.tolist() == [[True, True], [False, True]]
    assert correctness.shares(right.depths) == [1.0, 0.5]
    assert right.masked is None


def test_masked_the_classes_of_other_experiences_cannot_be_said():
    logits = torch.tensor([[[9.0, 9, 1, 2], [9, 9, 2, 1]]])  # one depth; the experience has 2 and 3
    right = correctness.correct(logits, torch.tensor([3, 3]), range(2, 4))
    assert right.depths.tolist() == [[False, False]]
    assert right.masked.tolist() == [True, False]
