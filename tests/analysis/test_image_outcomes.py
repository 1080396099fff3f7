"""Outcomes by image: short text that gives them back, and an interval that pairs the networks image by image."""

from math import sqrt

import pytest

from acn_bench.analysis.image_outcomes import (
    ByImage,
    interval_by_image,
    packed,
    paired_interval,
    unpacked,
)


@pytest.mark.parametrize("count", [1, 7, 8, 9, 446])
def test_the_text_gives_every_outcome_back(count):
    outcomes = [k % 3 == 0 or k == count - 1 for k in range(count)]
    assert unpacked(packed(outcomes), count) == [*map(int, outcomes)]
    assert unpacked(packed([False] * count), count) == [0] * count


def test_ten_thousand_images_take_less_than_two_kilobytes():
    assert len(packed([True] * 10_000)) < 1_700


@pytest.mark.parametrize(
    ("text", "images"), [(packed([True] * 9), 8), (packed([True] * 8), 7), ("AA==", 9), ("?", 8)]
)
def test_the_text_of_another_number_of_images_is_refused(text, images):
    with pytest.raises(ValueError, match=r"."):
        unpacked(text, images)


def test_images_that_both_networks_get_wrong_or_right_widen_no_interval():
    """30 of 400 images gained and 10 lost: mean 0.05, standard error √((40/400 − 0.05²) / 400) = 0.0156."""
    same = [1] * 200 + [0] * 160
    ac, other = [1] * 30 + [0] * 10 + same, [0] * 30 + [1] * 10 + same
    low, high = paired_interval(ac, other)
    half = 1.96 * sqrt((0.1 - 0.05**2) / 400)
    assert (low, high) == (pytest.approx(0.05 - half, abs=0.004), pytest.approx(0.05 + half, abs=0.004))  # fmt: skip
    assert paired_interval(ac, other) == (low, high)  # the same each time
    back = paired_interval(other, ac)
    assert back == (pytest.approx(-high, abs=0.004), pytest.approx(-low, abs=0.004))


def test_networks_without_any_difference_have_a_point():
    assert paired_interval([1, 0, 1], [1, 0, 1]) == (0, 0)
    assert paired_interval([1], [0]) is None


def test_an_image_that_only_one_network_was_measured_on_is_refused():
    with pytest.raises(ValueError, match=r"zip"):
        paired_interval([1, 0], [1])


def test_a_number_of_several_columns_is_resampled_with_all_columns_of_an_image_together():
    """Every image keeps half of its clean outcome in one network: that share is 0.5 in every resample."""
    clean, other = [1.0] * 60 + [0.0] * 40, [1.0] * 50 + [0.0] * 50
    share = ByImage((clean, [c / 2 for c in clean]), lambda whole, left: left / whole)
    all_of_it = ByImage((other, other), lambda whole, left: left / whole)
    assert interval_by_image(share, all_of_it) == (pytest.approx(-0.5), pytest.approx(-0.5))
    half_of_them = ByImage((clean, [1.0] * 30 + [0.0] * 70), lambda whole, left: left / whole)
    low, high = interval_by_image(half_of_them, all_of_it)
    half = 1.96 * sqrt(0.25 / 60)  # a share of 60 images
    assert (low, high) == (pytest.approx(-0.5 - half, abs=0.02), pytest.approx(-0.5 + half, abs=0.02))  # fmt: skip


def test_a_mean_of_one_column_has_the_interval_of_its_outcomes():
    ac, other = [1, 0, 1, 1, 0], [0, 0, 1, 0, 1]
    assert interval_by_image(ByImage((ac,)), ByImage((other,))) == paired_interval(ac, other)
