"""A key and what makes it -> bytes from a file that was stored before, or made now and stored, whole or not at all."""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from acn_bench.run_folder import atomic, remove_parts

VERSION = 1  # of what is stored: another one makes all of it again
TRAILER = 8  # bytes at the end of a file: the CRC-32 of the rest, and of the key


def key(*parts: object) -> str:
    """16 hex digits: other data, another vocabulary or another length have another key."""
    text = "\0".join(map(str, (VERSION, *parts)))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def stored(folders: Sequence[Path], name: str, make: Callable[[], Iterable[bytes]]) -> Path | bytes:
    """The file of that name, whose content is followed by `TRAILER` bytes; where no folder can be written, its content.

    A damaged file is made anew.
    """
    for folder in folders:
        path = folder / name
        if is_whole(path):
            return path
        with suppress(OSError):  # read-only, full
            _write(path, make())
            return path
    return b"".join(make())


def is_whole(path: Path) -> bool:
    """Whether the file is there, and its content is that which was stored under its name."""
    try:
        size, crc = path.stat().st_size - TRAILER, 0
        with path.open("rb") as f:
            while size > 0 and (chunk := f.read(min(size, 2**20))):
                crc, size = zlib.crc32(chunk, crc), size - len(chunk)
            return size == 0 and f.read() == _trailer(crc, path.name)
    except OSError:
        return False


def content(of: Path | bytes) -> bytes:
    """What `stored` returned, in memory."""
    return of if isinstance(of, bytes) else of.read_bytes()[:-TRAILER]


def _write(path: Path, chunks: Iterable[bytes]) -> None:
    remove_parts(path.parent, path.name)
    with atomic(path) as part, part.open("wb") as f:
        crc = 0
        for chunk in chunks:
            crc = zlib.crc32(chunk, crc)
            f.write(chunk)
        f.write(_trailer(crc, path.name))


def _trailer(crc: int, name: str) -> bytes:
    return crc.to_bytes(4, "little") + zlib.crc32(name.encode()).to_bytes(4, "little")
