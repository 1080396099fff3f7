"""Which rows are trained on, held out and tested."""

import re
from dataclasses import replace

import pytest
import torch

from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.benchmarks.continual.split import split
from acn_bench.config import Seeds

PROTOCOL = ContinualSpec(name="tiny", data="digits100", experiences=20, classes_per_experience=5)


@pytest.fixture(scope="module")
def dealt(digits):
    return split(digits, PROTOCOL, Seeds())


def joined(parts):
    return torch.cat(parts).tolist()


def test_every_class_is_in_exactly_one_experience(dealt):
    assert sorted(c for classes in dealt.classes for c in classes) == list(range(100))
    assert [len(classes) for classes in dealt.classes] == [5] * 20


def test_every_row_is_in_exactly_one_place(digits, dealt):
    rows = joined(dealt.train) + joined(dealt.validation)
    assert sorted(rows) == list(range(len(digits.train_labels)))
    assert sorted(joined(dealt.test)) == list(range(len(digits.test_labels)))


def test_an_experience_holds_rows_of_its_classes_only(digits, dealt):
    for e, classes in enumerate(dealt.classes):
        for rows, labels in (
            (dealt.train[e], digits.train_labels),
            (dealt.validation[e], digits.train_labels),
            (dealt.test[e], digits.test_labels),
        ):
            assert set(labels[rows].tolist()) == set(classes)


@pytest.mark.parametrize("share", [0.1, 0.25])
def test_the_held_out_share_is_of_each_class(digits, share):
    protocol = ContinualSpec(name="x", experiences=20, classes_per_experience=5, validation=share)
    held = digits.train_labels[joined(split(digits, protocol, Seeds()).validation)].bincount()
    assert held.tolist() == [round(share * 120)] * 100


def test_the_seed_of_the_order_changes_the_order_and_nothing_else(digits, dealt):
    other = split(digits, PROTOCOL, Seeds(order=1))
    assert other.classes != dealt.classes
    assert sorted(joined(other.validation)) == sorted(joined(dealt.validation))


def test_the_seed_of_the_data_changes_the_held_out_rows_and_nothing_else(digits, dealt):
    other = split(digits, PROTOCOL, Seeds(data=1))
    assert other.classes == dealt.classes
    assert all(map(torch.equal, other.test, dealt.test))
    assert sorted(joined(other.validation)) != sorted(joined(dealt.validation))


def test_the_seeds_of_weights_and_noise_change_nothing(digits, dealt):
    other = split(digits, PROTOCOL, Seeds(init=1, noise=1))
    assert other.classes == dealt.classes
    assert all(map(torch.equal, other.train, dealt.train))


def test_fewer_classes_are_the_first_of_the_same_order(digits, dealt):
    few = split(digits, ContinualSpec(name="x", experiences=2, classes_per_experience=5), Seeds())
    assert few.classes == dealt.classes[:2]
    assert all(map(torch.equal, few.train, dealt.train[:2]))
    assert (few.position >= 0).sum() == 10


def test_a_label_counts_in_its_experience_or_over_the_stream(dealt):
    third = torch.tensor(dealt.classes[2])
    assert dealt.label(third, task_incremental=True).tolist() == [0, 1, 2, 3, 4]
    assert dealt.label(third, task_incremental=False).tolist() == [10, 11, 12, 13, 14]


def test_too_few_classes_are_refused(digits):
    protocol = ContinualSpec(name="x", experiences=21, classes_per_experience=5)
    with pytest.raises(ValueError, match="21 experiences of 5 classes need 105 classes; digits100"):
        split(digits, protocol, Seeds())


def test_a_class_with_too_few_rows_is_refused(digits):
    rows = (digits.train_labels != 7) | (torch.arange(len(digits.train_labels)) % 40 == 0)
    few = int((digits.train_labels[rows] == 7).sum())
    data = replace(
        digits, train_images=digits.train_images[rows], train_labels=digits.train_labels[rows]
    )
    message = f"class 7 of digits100 has {few} training images: too few to hold out 10%"
    with pytest.raises(ValueError, match=re.escape(message)):
        split(data, PROTOCOL, Seeds())


@pytest.mark.parametrize("count", [1, 5])
def test_a_class_without_test_images_is_refused(digits, dealt, count):
    lacked = dealt.classes[3][:count]
    rows = ~torch.isin(digits.test_labels, torch.tensor(lacked))
    data = replace(
        digits, test_images=digits.test_images[rows], test_labels=digits.test_labels[rows]
    )
    with pytest.raises(ValueError, match=f"no test images of class {min(lacked)}, which it trains"):
        split(data, PROTOCOL, Seeds())


def test_a_class_that_never_arrives_needs_no_test_images(digits, dealt):
    rows = ~torch.isin(digits.test_labels, torch.tensor(dealt.classes[-1]))
    data = replace(
        digits, test_images=digits.test_images[rows], test_labels=digits.test_labels[rows]
    )
    few = ContinualSpec(name="x", experiences=19, classes_per_experience=5)
    assert split(data, few, Seeds()).classes == dealt.classes[:-1]
