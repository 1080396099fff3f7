"""An error is one line of at most one screen, whatever it quotes."""

import pytest
import torch

from acn_bench.errors import QUOTED, SCREEN, listed, message, sentence, shorten


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError(2, "No such file", "/a/b"), "/a/b: No such file"),
        (ValueError("two\n  lines"), "two lines"),
        (KeyError("a key, without the quotes"), "a key, without the quotes"),
        (KeyError(7), "KeyError: 7"),
        (IndexError(), "IndexError: "),
        (RuntimeError("out of memory"), "RuntimeError: out of memory"),
        (ZeroDivisionError(), "ZeroDivisionError: "),
        (ValueError("a value", [1, 2]), "a value, [1, 2]"),
    ],
)
def test_an_error_becomes_one_line(error, message):
    assert sentence(error) == message


class Endless:
    """It cannot be written out."""

    def __repr__(self):
        raise RuntimeError("nobody may write me out")

    __str__ = __repr__


class Labels(list):
    def __repr__(self):
        raise RuntimeError("nobody may write me out")


class SpeechlessError(ValueError):
    def __str__(self):
        raise RuntimeError("nobody may ask me")


MANY = 2**24
HUGE = [
    "9" * MANY,
    "line\n" * MANY,
    b"\0" * MANY,
    1 << MANY,
    [0] * MANY,
    Labels([0] * MANY),
    [[[[0] * 1000] * 1000] * 1000] * 1000,
    {k: [0] * 1000 for k in range(1000)},
    {"a": {"b": {"c": {"d": "e" * MANY}}}},
    range(MANY),
    torch.zeros(1, MANY),
    Endless(),
    [Endless()],
]


@pytest.mark.parametrize("value", HUGE, ids=lambda value: type(value).__name__)
def test_a_value_of_any_size_is_quoted_in_a_few_characters(value):
    assert len(shorten(value)) <= 3 * QUOTED
    for error in (ValueError(value), KeyError(value), RuntimeError(value, value), OSError(value)):
        if not isinstance(error, OSError) or isinstance(value, str):
            assert len(sentence(error)) <= SCREEN + 100
            assert "\n" not in sentence(error)


def test_of_an_error_that_cannot_speak_the_type_is_named():
    assert sentence(SpeechlessError()) == "SpeechlessError: "


def test_of_a_long_message_the_beginning_and_the_remedy_stay():
    text = f"the cause {'x' * 50_000} do this instead"
    short = message(ValueError(text))
    assert len(short) <= SCREEN
    assert short.startswith("the cause xxx")
    assert short.endswith("xxx do this instead")
    assert "characters left out" in short
    assert message(ValueError("x" * SCREEN)) == "x" * SCREEN


def test_short_values_are_quoted_whole():
    for value in ("a word", b"raw", 7, -1.5, None, True, [1, "a"], (1, 2), (1,), (), {"a": [1]}):
        assert shorten(value) == repr(value)
    assert shorten(torch.zeros(2)) == "a Tensor"


def test_what_is_left_out_of_a_value_is_counted():
    assert shorten("x" * 5_000) == f"'{'x' * QUOTED}…' (5,000 characters)"
    assert shorten(list(range(2**20))) == "[0, 1, 2, 3, … 1,048,576 in all]"
    assert shorten(10**5_000) == "a number of about 5,000 digits"
    assert shorten({k: k for k in range(9)}) == "{0: 0, 1: 1, 2: 2, 3: 3, … 9 in all}"


def test_a_long_list_of_names_ends_with_their_number():
    assert listed(["a", "b"]) == "a, b"
    assert listed(range(100), 3) == "0, 1, 2 and 97 more"
    assert len(listed(["x" * 10_000] * 100)) < 30 * QUOTED
