"""The bytes of a pickle -> the words, numbers and arrays in it, and nothing is run.

A pickle can ask Python to run anything. Here it may ask for nothing but numpy's array, and even that is a
stand-in: what was asked for is kept, checked, and only then made an array.
"""

import io
import pickle
from typing import Any

import numpy as np
import numpy.typing as npt


def load(raw: bytes) -> dict[str, Any]:
    """The dictionary in a pickle, its keys as text.

    Raises RefusedError with what it asked to run, and ValueError for what is no whole pickle of a dictionary.
    """
    try:
        content = _Unpickler(io.BytesIO(raw), encoding="bytes").load()
    except RefusedError:
        raise
    except Exception as e:  # bytes that are no pickle raise nearly anything
        raise ValueError(f"it must be a whole pickle ({type(e).__name__}: {e})") from e
    if not isinstance(content, dict):
        raise ValueError(f"it must be a dictionary, not a {type(content).__name__}")
    return {text(key): value for key, value in content.items() if isinstance(key, str | bytes)}


def text(word: str | bytes) -> str:
    """A word, which Python 2 wrote as bytes."""
    return word.decode("utf-8", "replace") if isinstance(word, bytes) else word


# ---------------------------------------------------------------- what a pickle may ask for


class _Dtype:
    """Stands in for numpy.dtype: the code that it was asked for."""

    def __init__(self, code: str | bytes, *_: Any) -> None:
        self.code = text(code)

    def __setstate__(self, state: Any) -> None:
        """Byte order and the like, of no meaning where a value is one byte."""


class Array:
    """Stands in for numpy.ndarray: the state that it was given."""

    state: tuple[Any, ...] = ()  # (shape, dtype, whether in Fortran's order, bytes)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state[-4:]  # before them, a version

    def pixels(self) -> npt.NDArray[np.uint8] | None:
        """The array, if the state is one of unsigned bytes."""
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
        except (TypeError, ValueError):  # a shape that the bytes do not fill
            return None


def _reconstruct(*_: Any) -> Array:
    return Array()


def _frombuffer(raw: Any, dtype: Any, shape: Any, order: Any) -> Array:
    array = Array()
    array.state = (shape, dtype, order == "F", raw)
    return array


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    """How Python 3 writes bytes into a pickle of protocol 2."""
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
    """What a pickle asked to run."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in _ALLOWED:
            raise RefusedError(f"{module}.{name}")
        return _ALLOWED[f"{module}.{name}"]
