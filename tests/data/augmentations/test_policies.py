"""AutoAugment and RandAugment: torchvision's policies, drawn by row."""

import pytest
import torch
from torchvision.transforms import AutoAugmentPolicy, v2

from acn_bench.data.augmentations import autoaugment, operations, randaugment
from acn_bench.data.augmentations.autoaugment import POLICIES, AutoAugment
from acn_bench.data.augmentations.randaugment import RandAugment

ROWS = torch.arange(64)
EACH = [AutoAugment("cifar10"), AutoAugment("imagenet"), RandAugment(operations=3, magnitude=12)]


@pytest.fixture(scope="module")
def images():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (64, 3, 16, 16), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("policy", EACH, ids=str)
def test_a_batch_of_64_equals_64_batches_of_one_in_any_order(images, policy):
    expected = policy(images, ROWS, 7, 3)
    alone = torch.cat([policy(images[k : k + 1], ROWS[k : k + 1], 7, 3) for k in range(64)])
    assert torch.equal(alone, expected)
    torch.manual_seed(1)
    shuffled = torch.randperm(64)
    assert torch.equal(policy(images[shuffled], shuffled, 7, 3), expected[shuffled])
    for seed, epoch in ((8, 3), (7, 4)):
        assert not torch.equal(policy(images, ROWS, seed, epoch), expected)


@pytest.mark.parametrize("name", POLICIES)
def test_policies_are_torchvisions(name):
    theirs = v2.AutoAugment(AutoAugmentPolicy[name.upper()])._policies
    without = [
        tuple((operation, probability, strength or 0) for operation, probability, strength in sub)
        for sub in theirs
    ]
    assert list(POLICIES[name]) == without


def drawn(monkeypatch, module, policy, rows):
    """The (operation, strength) pairs of many rows, in each of the policy's steps."""
    steps = []

    def note(images, names, levels):
        steps.append(list(zip(names, levels, strict=True)))
        return images

    monkeypatch.setattr(module, "apply_", note)
    policy(torch.zeros(rows, 3, 8, 8, dtype=torch.uint8), torch.arange(rows), 0, 0)
    return steps


def test_operations_are_applied_with_their_probability_and_in_either_direction(monkeypatch):
    first, second = drawn(monkeypatch, autoaugment, AutoAugment("cifar10"), 20_000)
    share = {name: sum(n == name for n, _ in first) / 20_000 for name in ("Invert", "Rotate")}
    assert share["Invert"] == pytest.approx(0.1 / 25, abs=0.0015)  # one sub-policy of 25 begins so
    assert share["Rotate"] == pytest.approx(0.7 / 25, abs=0.004)
    moved = [level for name, level in second if name == "TranslateX"]
    assert 0.4 < sum(level < 0 for level in moved) / len(moved) < 0.6
    both = sum(
        a is not None and b is not None for (a, _), (b, _) in zip(first, second, strict=True)
    )
    mean = sum(a[1] * b[1] for a, b in POLICIES["cifar10"]) / 25
    assert both / 20_000 == pytest.approx(mean, abs=0.012)


def test_randaugment_draws_all_operations_about_equally_often(monkeypatch):
    steps = drawn(monkeypatch, randaugment, RandAugment(), 14_000)
    assert len(steps) == 2
    for step in steps:
        counts = [sum(name == each for name, _ in step) for each in randaugment.OPERATIONS]
        assert sum(counts) == 14_000
        assert 850 < min(counts) <= max(counts) < 1150
        angles = {level for name, level in step if name == "Rotate"}
        assert angles == {9.0, -9.0}  # 30 degrees · 9 / 30


def test_randaugment_has_torchvisions_operations():
    assert list(randaugment.OPERATIONS) == list(v2.RandAugment._AUGMENTATION_SPACE)
    known = {*operations.OPERATIONS, *operations.MOVES, "Identity"}
    assert set(randaugment.OPERATIONS) <= known


@pytest.mark.parametrize("wrong", [{"operations": -1}, {"magnitude": 31}, {"magnitude": -1}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="magnitude"):
        RandAugment(**wrong)
