"""The bytes of a pickle -> the words, numbers and arrays in it; no code of the pickle runs.

A pickle can make Python call any function. Here it may name numpy's array alone, and a stand-in takes its place:
the arguments are stored and checked, and only then made an array.
"""

import io
import pickle
from typing import Any

import numpy as np
import numpy.typing as npt


def load(raw: bytes) -> dict[str, Any]:
    """The dictionary in a pickle, its keys as text.

    Raises RefusedError with the function that it names, ValueError where it is no whole pickle of a dictionary.
    """
    try:
        content = _Unpickler(io.BytesIO(raw), encoding="bytes").load()
    except RefusedError:
        raise
    except Exception as e:  # damaged bytes raise nearly any error
        raise ValueError(f"it must be a whole pickle ({type(e).__name__}: {e})") from e
    if not isinstance(content, dict):
        raise ValueError(f"it must be a dictionary, not a {type(content).__name__}")
    return {text(key): value for key, value in content.items() if isinstance(key, str | bytes)}


def text(word: str | bytes) -> str:
    """A word as text; Python 2 wrote words as bytes."""
    return word.decode("utf-8", "replace") if isinstance(word, bytes) else word


# ---------------------------------------------------------------- the functions that a pickle may name


class _Dtype:
    """Stands in for numpy.dtype: stores the type code."""

    def __init__(self, code: str | bytes, *_: Any) -> None:
        self.code = text(code)

    def __setstate__(self, state: Any) -> None:
        """Ignore byte order and alignment: a value is one byte."""


class Array:
    """Stands in for numpy.ndarray: stores its state."""

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
        except (TypeError, ValueError):  # the bytes do not fill the shape
            return None


def _reconstruct(*_: Any) -> Array:
    return Array()


def _frombuffer(raw: Any, dtype: Any, shape: Any, order: Any) -> Array:
    array = Array()
    array.state = (shape, dtype, order == "F", raw)
    return array


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    """Decode bytes as Python 3 writes them into a pickle of protocol 2."""
    if encoding != "latin1":
        raise ValueError(f"bytes are written in latin1, not {encoding!r}")
    return text.encode("latin1")


_ALLOWED: dict[str, Any] = {
    "numpy.ndarray": Array,
    "numpy.dtype": _Dtype,
    "_codecs.encode": _latin1,
    "numpy.core.multiarray._reconstruct": _reconstruct,
    "numpy._core.multiarray._reconstruct": _reconstruct,
    "numpy.core.numeric._frombuffer": _frombuffer,
    "numpy._core.numeric._frombuffer": _frombuffer,
}


class RefusedError(Exception):
    """A pickle names a function that it may not call; the message is its name."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in _ALLOWED:
            raise RefusedError(f"{module}.{name}")
        return _ALLOWED[f"{module}.{name}"]
