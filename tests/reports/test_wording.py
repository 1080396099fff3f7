import pytest

from acn_bench import wording


@pytest.mark.parametrize(
    ("unit", "value", "spread", "words"),
    [
        ("points", 0.4655, 0.022, "46.6 ± 2.2"),
        ("points", 0.4655, None, "46.6"),
        ("points", 0.4655, 0.123, "47 ± 12"),
        ("s", 1234.56, 20.1, "1,235 ± 20"),
        ("s", 0.01234, None, "0.0123"),
        ("GFLOPs", 95_786_432, 0.0, "0.0958"),
        ("blocks", 3.0, 0.0, "3.0 ± 0.0"),
        ("points", None, None, "–"),
    ],
)
def test_no_more_digits_are_shown_than_the_spread_supports(unit, value, spread, words):
    assert wording.shown(unit, value, spread) == words


def test_a_value_that_rounds_to_zero_has_no_sign():
    assert wording.number(-0.0001, 1, sign=True) == "0.0"


def test_differences_carry_a_true_minus_sign():
    assert wording.change("points", -0.0621, (-0.09, -0.03)) == "−6.2"
    assert wording.bracket("points", -0.0621, (-0.09, -0.0342)) == "[−9.0, −3.4]"


def test_rounding_never_hides_on_which_side_of_zero_an_interval_ends():
    assert wording.bracket("points", -0.02, (-0.0397, -0.0003)) == "[−3.97, −0.03]"


def test_a_single_seed_has_no_interval_to_print():
    assert wording.bracket("points", 0.1, None) == "–"


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("2026-11-23T15:27:57+00:00", "2026-11-23T15:27:59Z", "2026-11-23 15:27 UTC"),
        ("2026-11-23T15:27:57+00:00", "2026-11-23T16:52:12Z", "2026-11-23 15:27 to 16:52 UTC"),
        ("2026-11-23T15:27:57Z", "2026-11-24T01:00:00+02:00", "2026-11-23 15:27 to 23:00 UTC"),
        (
            "2026-11-23T15:27:57Z",
            "2026-11-25T01:00:00Z",
            "2026-11-23 15:27 to 2026-11-25 01:00 UTC",
        ),
    ],
)
def test_two_times_are_one_span_of_one_zone(first, last, message):
    assert wording.span(first, last) == message
