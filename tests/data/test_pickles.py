"""A pickle is read as words, numbers and arrays; it changes nothing, and asks for no more than it brings."""

import pickle
import struct
import tracemalloc
from typing import Any

import numpy as np
import pytest

from acn_bench.data import pickles

ROWS = np.arange(12, dtype=np.uint8).reshape(3, 4)


def pixels(raw: bytes) -> Any:
    return pickles.load(raw)["data"].pixels()


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("array", [ROWS, np.asfortranarray(ROWS)])
def test_arrays_are_read_from_every_protocol(protocol: int, array: Any) -> None:
    read = pixels(pickle.dumps({"data": array}, protocol))
    assert read.shape == array.shape
    assert np.array_equal(read, array)


@pytest.mark.parametrize("protocol", range(6))
def test_words_numbers_and_lists_are_read_from_every_protocol(protocol: int) -> None:
    things = {
        "words": ["a", b"b", "ä" * 300], "numbers": [0, -1, 300, 70_000, 2**40, 2**2100, 0.5],
        "others": [None, True, False, (), (1,), (1, 2, 3, 4), {"deep": [[]]}],
    }  # fmt: skip
    assert pickles.load(pickle.dumps(things, protocol)) == things


FUNCTIONS = [
    "numpy.core.multiarray _reconstruct",
    "numpy.core.numeric _frombuffer",
    "numpy ndarray",
    "numpy dtype",
    "_codecs encode",
]
STATES = {"a dictionary": {"__doc__": 1, "state": 1}, "slots": (None, {"__defaults__": ("utf-8",), "state": 1})}  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_no_file_changes_what_the_next_one_calls(function: str, state: Any) -> None:
    whole = {"data": ROWS}
    fine = [pickle.dumps(whole, protocol) for protocol in (2, 5)]
    name = "c" + function.replace(" ", "\n") + "\n"
    changing = name.encode() + pickle.dumps(state, 0)[:-1] + b"b."
    with pytest.raises(ValueError, match="it must not change a function"):
        pickles.load(changing)
    assert all(np.array_equal(pixels(raw), ROWS) for raw in fine)


def _u4(number: int) -> bytes:
    return struct.pack("<I", number)


GREEDY = {
    "a place in the memo": b"Nr" + _u4(84_000_000) + b".",
    "a bytearray": b"\x96" + struct.pack("<Q", 2**31) + b".",
    "bytes": b"\x8e" + struct.pack("<Q", 2**31) + b".",
    "text": b"X" + _u4(2**31) + b".",
    "a frame": b"\x95" + struct.pack("<Q", 2**31) + b".",
    "a number": b"\x8b" + _u4(2**31 - 1) + b".",
    "bytes made again and again": b"(c_codecs\nencode\nq\x00X" + _u4(10_000) + b"a" * 10_000
    + b"q\x01\x85R" + b"h\x00h\x01\x85R" * 10_000 + b"l.",
}  # fmt: skip


@pytest.mark.parametrize("raw", GREEDY.values(), ids=GREEDY)
def test_a_pickle_takes_no_more_memory_than_its_size_allows(raw: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="it must be"):
            pickles.load(raw)
        assert tracemalloc.get_traced_memory()[1] < 200_000 + 20 * len(raw)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("end", [b"Ns.", b"u.", b"d."])
def test_a_tuple_nested_deeply_is_no_key(end: bytes) -> None:
    start = {b"Ns.": b"}", b"u.": b"}(", b"d.": b"("}[end]
    value = b"" if end == b"Ns." else b"N"
    with pytest.raises(ValueError, match="the keys of a dictionary must be words"):
        pickles.load(start + b")" + b"\x85" * 300_000 + value + end)


@pytest.mark.parametrize(
    "raw",
    [b"\x8f.", b"(cnumpy\nndarray\no.", b"cnumpy\nndarray\n)\x81.", b"Px\n.", b"\x82\x01.", b"\x97."],
)  # fmt: skip
def test_sets_objects_and_what_lies_outside_the_file_are_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="it must be a whole pickle"):
        pickles.load(raw)


def test_a_message_is_short_whatever_the_pickle_holds() -> None:
    for raw in (b"c" + b"x" * 9000 + b"\nf\n.", b"I" + b"x" * 9000 + b"\n."):
        with pytest.raises((ValueError, pickles.RefusedError)) as refused:
            pickles.load(raw)
        assert len(str(refused.value)) < 250
