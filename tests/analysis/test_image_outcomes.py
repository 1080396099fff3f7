"""Outcomes by image: short text that gives them back, and an interval that pairs the networks image by image."""

from math import sqrt

import pytest

from acn_bench.analysis.image_outcomes import packed, paired_interval, unpacked


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
