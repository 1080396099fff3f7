"""Files and text that another program may have written -> bytes and plain values; what is wrong is one sentence.

Nothing here hangs, floods memory or raises another error: a pipe is not opened, and brackets in brackets have an end.
"""

import errno
import os
import stat
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from acn_bench.errors import shorten

LEVELS = 50  # of lists and objects in each other
BYTES = 2**30  # of a file of text

_NO_BRACKETS = bytes(byte for byte in range(256) if chr(byte) not in "[]{}")
_NO_BRACES = bytes(byte for byte in range(256) if chr(byte) not in "{}")
_TOO_DEEP = f"more than {LEVELS} brackets are open at once"


def file_bytes(path: Path) -> bytes:
    """The content of a file. Raises OSError where there is none, ValueError for a pipe, a device or a huge file."""
    about = path.stat()
    if stat.S_ISDIR(about.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(about.st_mode):
        raise ValueError(f"{path} is a pipe or a device, not a file")
    if about.st_size > BYTES:
        raise ValueError(f"{path} has {about.st_size:,} bytes, and at most {BYTES:,} are read")
    return path.read_bytes()


def json_object(raw: bytes | str) -> dict[str, Any]:
    """A JSON object. Raises ValueError for other text, a key that is given twice, and too many brackets."""
    value: dict[str, Any] = _json(raw, dict[str, Any])
    return value


def json_object_and_text(raw: bytes, key: str) -> tuple[dict[str, Any], list[Any], bytes]:
    """A JSON object less `key`; the key's value, if it is there; the object's text, keys sorted, no spaces.

    Raises as `json_object`.
    """
    content: dict[str, Any] = _json(raw, dict[str, Any])
    taken = [content.pop(key)] if key in content else []
    return content, taken, msgspec.json.encode(content, order="sorted")


def json_value(raw: bytes | str) -> Any:
    """Any JSON value. Raises as `json_object`."""
    return _json(raw, Any)


def _json(raw: bytes | str, of_type: Any) -> Any:
    text = raw.encode() if isinstance(raw, str) else raw
    value = _decoded(text, of_type)
    refuse_repeated_keys(text)
    return value


def _decoded(text: bytes, of_type: Any) -> Any:
    try:
        value = msgspec.json.decode(text, type=of_type)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if not _surely_shallow(text):
        _refuse_deep(value)
    return value


def _surely_shallow(text: bytes) -> bool:
    """Whether pairs of brackets vanish soon, one or two levels a step. Brackets in strings may hide it."""
    brackets = text.translate(None, _NO_BRACKETS)
    for _ in range(LEVELS // 2):
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return not brackets


def refuse_repeated_keys(text: bytes) -> None:
    """Raise ValueError for a key that is given twice in one object of a valid JSON text: msgspec takes the last."""
    keys: set[bytes] = set()  # of the innermost object
    outer: list[set[bytes]] = []
    for string, after in _strings(text):
        if after.lstrip()[:1] == b":":
            if string in keys:
                raise ValueError(f"the key {shorten(string.decode())} is given twice in one object")
            keys.add(string)
        if after not in (b":", b",") and (b"{" in after or b"}" in after):
            for brace in after.translate(None, _NO_BRACES):
                if brace == ord("{"):
                    outer.append(keys)
                    keys = set()
                else:
                    keys = outer.pop()


def _strings(text: bytes) -> Iterable[tuple[bytes, bytes]]:
    """Each string of a valid JSON text, and the text up to the next one; first an empty string."""
    if b"\\" not in text:
        pieces = text.split(b'"')
        return zip([b"", *pieces[1::2]], pieces[::2], strict=True)
    # a backslash or a quote in a string becomes a byte that no JSON text has
    pieces = text.replace(rb"\\", b"\0").replace(rb"\"", b"\1").split(b'"')
    return zip([b"", *map(_unescaped, pieces[1::2])], pieces[::2], strict=True)


def _unescaped(string: bytes) -> bytes:
    r"""`a`, also from `\u0061`."""
    text: str = msgspec.json.decode(b'"%s"' % string.replace(b"\0", rb"\\").replace(b"\1", rb"\""))
    return text.encode()


def toml(text: str) -> dict[str, Any]:
    """A TOML document. Raises ValueError for other text, and too many brackets or dots."""
    try:
        values = tomllib.loads(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    _refuse_deep(values)
    return values


def _refuse_deep(value: Any) -> None:
    level = [value] if type(value) in (dict, list) else []
    for _ in range(LEVELS):
        # by type alone: a record holds ten thousand numbers
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return
    raise ValueError(_TOO_DEEP)
