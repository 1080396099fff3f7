"""The bytes of a pickle -> the words, numbers and arrays in it; no code of the pickle runs.

A pickle can make Python call any function. Here it may name numpy's array alone, and a stand-in takes its place:
the arguments are stored and checked, and only then made an array. Stand-ins belong to one file, so that no file
changes what the next one calls. Memory is bounded by the size of the file.
"""

import io
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt


def load(raw: bytes) -> dict[str, Any]:
    """The dictionary in a pickle, its keys as text.

    Raises RefusedError with the function that it names, ValueError where it is no whole pickle of a dictionary.
    """
    try:
        content = _Unpickler(raw).load()
    except RefusedError:
        raise
    except Exception as e:  # damaged bytes raise nearly any error
        raise ValueError(f"it must be a whole pickle ({type(e).__name__}: {e!s:.100})") from e
    if not isinstance(content, dict):
        raise ValueError(f"it must be a dictionary, not a {type(content).__name__}")
    return {text(key): value for key, value in content.items()}


def text(word: str | bytes) -> str:
    """A word as text; Python 2 wrote words as bytes."""
    return word.decode("utf-8", "replace") if isinstance(word, bytes) else word


# ---------------------------------------------------------------- the functions that a pickle may name


class _Dtype:
    """Stands in for a numpy.dtype: stores the type code."""

    def __init__(self, code: str | bytes, *_: Any) -> None:
        self.code = text(code)

    def __setstate__(self, state: Any) -> None:
        """Ignore byte order and alignment: a value is one byte."""


class Array:
    """Stands in for a numpy.ndarray: stores its state."""

    state: tuple[Any, ...] = ()  # (shape, dtype, is in Fortran order, bytes)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state[-4:]  # a version number comes first

    def pixels(self) -> npt.NDArray[np.uint8] | None:
        """The array; None where the state is not one of unsigned bytes."""
        if len(self.state) != 4:
            return None
        shape, dtype, fortran, raw = self.state
        if not isinstance(dtype, _Dtype) or dtype.code not in ("u1", "uint8", "|u1"):
            return None
        if not isinstance(raw, bytes | bytearray) or not isinstance(shape, tuple):
            return None
        try:
            flat = np.frombuffer(raw, dtype=np.uint8)
            return flat.reshape(shape, order="F" if fortran else "C")
        except (TypeError, ValueError, OverflowError):  # the bytes do not fill the shape
            return None


def _reconstruct(*_: Any) -> Array:
    return Array()


def _frombuffer(raw: Any, dtype: Any, shape: Any, order: Any) -> Array:
    array = Array()
    array.state = (shape, dtype, order == "F", raw)
    return array


_ALLOWED: dict[str, Callable[..., Any]] = {
    "numpy.ndarray": Array,
    "numpy.dtype": _Dtype,
    "numpy.core.multiarray._reconstruct": _reconstruct,
    "numpy._core.multiarray._reconstruct": _reconstruct,
    "numpy.core.numeric._frombuffer": _frombuffer,
    "numpy._core.numeric._frombuffer": _frombuffer,
}


class _Function:
    """A function of `_ALLOWED`, for one use in one file."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise ValueError("it must not change a function")


class RefusedError(Exception):
    """A pickle names a function that it may not call; the message is its name."""


# ---------------------------------------------------------------- the pickle machine

# sets, objects of a class, and what lies outside the file are none of these
_OPCODES = (
    b"\x80\x95.(01"  # protocol, frame, end; marks
    b"NIJKML\x8a\x8b\x88\x89FG"  # None, whole numbers, truth values, floats
    b"STUVX\x8c\x8dBC\x8e\x96"  # text and bytes
    b"]ael)t\x85\x86\x87}dsu"  # lists, tuples, dictionaries
    b"pqr\x94ghj"  # the memo
    b"c\x93Rb"  # functions, calls, states
)
_KEYS = {b"d": slice(0, None, 2), b"u": slice(0, None, 2), b"s": slice(-2, -1)}  # on the stack
_load = pickle._Unpickler.dispatch


def _with_word_keys(load: Callable[[Any], None], keys: slice, machine: Any) -> None:
    """Keys of a dictionary are words: to hash a tuple that is nested deeply ends the process."""
    if not all(isinstance(key, str | bytes) for key in machine.stack[keys]):
        raise ValueError("the keys of a dictionary must be words")
    load(machine)


def _bytearray(machine: Any) -> None:
    """Read no more than there is, where Python's own makes room first."""
    length = int.from_bytes(machine.read(8), "little")
    machine.append(bytearray(machine.read(length)))


class _Unpickler(pickle._Unpickler):
    """Python's own machine in Python: that in C makes room for any number that a pickle names."""

    dispatch = (
        {code: _load[code] for code in _OPCODES}
        | {code[0]: partial(_with_word_keys, _load[code[0]], keys) for code, keys in _KEYS.items()}
        | {pickle.BYTEARRAY8[0]: _bytearray}
    )

    def __init__(self, raw: bytes) -> None:
        super().__init__(io.BytesIO(raw), encoding="bytes")
        self.room = len(raw)  # bytes that calls may still make

    def find_class(self, module: str, name: str) -> Any:
        function = f"{module}.{name}"
        if function == "_codecs.encode":
            return _Function(self._latin1)
        if function not in _ALLOWED:
            raise RefusedError(f"{function:.100}")
        return _Function(_ALLOWED[function])

    def _latin1(self, text: str, encoding: str = "latin1") -> bytes:
        """Decode bytes as Python 3 writes them into a pickle of protocol 2: each once."""
        if encoding != "latin1":
            raise ValueError("bytes are written in latin1")
        self.room -= len(text)
        if self.room < 0:
            raise ValueError("it makes more bytes than it has")
        return text.encode("latin1")
