"""A split of image files -> its photographs decoded once, as one memory-mapped file of uint8 squares.

A photograph is resized by its shorter side (256 pixels by default) and its centre square is kept, so a test image
comes out as from its file, and a training crop is drawn from the square. ImageNet's training images take 252 GB.

`pixels.u8` counts as whole once `cache.json` lies beside it, which is written last. A maker that is killed leaves
`progress.json`: the next one begins where it stood. One process makes a cache, and all others wait for it.
"""

import os
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import Tensor

from acn_bench.cores import process_share
from acn_bench.data.image_decoding import DamagedImageError
from acn_bench.data.image_folder import FolderSplit
from acn_bench.data.image_view import square
from acn_bench.data.manifest import read_stored
from acn_bench.run_folder import atomic, remove_parts

Progress = Callable[[int, int], None]  # images done, images in all

VERSION = 1
BLOCK = 16  # images of a checksum
CHECKED = 16  # blocks that opening a cache compares with their checksums
SAVE_INTERVAL = 10.0  # seconds of work that a killed maker loses at most


class Header(msgspec.Struct):
    """What is written beside the pixels: at the end as `cache.json`, before that as `progress.json`."""

    version: int
    digest: str  # of the files
    count: int
    side: int  # pixels
    checksums: list[int]  # CRC-32 of each block that is written
    damage: dict[int, str] = {}  # row -> what is wrong with its file


@dataclass(frozen=True, eq=False)
class ImageCache:
    """An open cache; it meets `file_source.Photographs`."""

    labels: Tensor  # (N,) int64
    pixels: Tensor  # (N, side, side, 3) uint8, memory-mapped: never write to it
    damage: dict[int, str]

    def photograph(self, row: int) -> Tensor:
        """(3, side, side) uint8. Raises DamagedImageError where the file was damaged."""
        if row in self.damage:
            raise DamagedImageError(self.damage[row])
        return self.pixels[row].permute(2, 0, 1)


def open_cache(
    split: FolderSplit,
    folder: Path,
    side: int = 256,
    damaged: Literal["stop", "skip"] = "stop",
    progress: Progress | None = None,
    workers: int | None = None,
) -> ImageCache:
    """The cache of that split below `folder`, made where it is absent, damaged or of other files.

    `progress` is called with the images that are done, also while another process makes the cache. Raises
    DamagedImageError for a damaged file unless those are skipped, OSError where the folder cannot be written, has no
    locks, or its disk is full.
    """
    place = folder / f"{split.folder.parent.name}-{split.folder.name}-{side}-{split.digest[:12]}"
    place.mkdir(parents=True, exist_ok=True)
    wanted = Header(VERSION, split.digest, len(split), side, [])
    report = progress or _unreported
    header = _whole(place, wanted)
    if header is None:
        with _alone(place, wanted, report):
            header = _whole(place, wanted) or _Maker(split, place, wanted, damaged, report).make(
                workers or process_share()
            )
    return ImageCache(split.labels, _mapped(place, wanted), header.damage)


def _unreported(done: int, total: int) -> None:
    """Report nothing."""


# ---------------------------------------------------------------- open


def _whole(place: Path, wanted: Header) -> Header | None:
    """The header of a finished cache; None where there is none, or where its size or a sampled block is wrong."""
    header = read_stored(place / "cache.json", Header)
    if header is None or not _fits(header, wanted) or len(header.checksums) != _blocks(wanted):
        return None
    try:
        if (place / "pixels.u8").stat().st_size != _bytes(wanted):
            return None
        with (place / "pixels.u8").open("rb") as file:
            last = len(header.checksums) - 1
            sampled = {k * last // max(1, CHECKED - 1) for k in range(CHECKED)}
            intact = all(
                _checksum(file.fileno(), k, wanted) == header.checksums[k] for k in sampled
            )
    except OSError:
        return None
    return header if intact else None


def _fits(header: Header, wanted: Header) -> bool:
    return (header.version, header.digest, header.count, header.side) == (
        wanted.version,
        wanted.digest,
        wanted.count,
        wanted.side,
    )


def _mapped(place: Path, of: Header) -> Tensor:
    """(N, side, side, 3) uint8."""
    shape = (of.count, of.side, of.side, 3)
    pixels = np.memmap(place / "pixels.u8", dtype=np.uint8, mode="r", shape=shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch: the array cannot be written
        return torch.from_numpy(pixels)


@contextmanager
def _alone(place: Path, wanted: Header, report: Progress) -> Iterator[None]:
    """Hold the lock of a cache; until then, report what the process that holds it has done."""
    lock = FileLock(place / "lock")
    while True:
        try:
            lock.acquire(timeout=1)
            break
        except Timeout:
            made = read_stored(place / "progress.json", Header)
            report(min(len(made.checksums) * BLOCK, wanted.count) if made else 0, wanted.count)
        except NotImplementedError as e:
            raise OSError(f"{place} is on a file system without locks: give another folder") from e
    try:
        yield
    finally:
        lock.release()


# ---------------------------------------------------------------- make


class _Maker:
    """Writes a cache, block by block. The lock of its place is held."""

    def __init__(
        self,
        split: FolderSplit,
        place: Path,
        wanted: Header,
        damaged: Literal["stop", "skip"],
        report: Progress,
    ) -> None:
        self.split, self.place, self.wanted = split, place, wanted
        self.stops = damaged == "stop"
        self.report = report
        self.saved = time.monotonic()

    def make(self, workers: int) -> Header:
        """Write what is missing. Returns the header of the whole cache."""
        remove_parts(self.place, "")
        (self.place / "cache.json").unlink(missing_ok=True)
        done = self._resumed()
        with self._opened(anew=not done.checksums) as file, ThreadPoolExecutor(workers) as pool:
            try:
                for first in range(
                    len(done.checksums), _blocks(self.wanted), window := 4 * workers
                ):
                    last = min(first + window, _blocks(self.wanted))
                    for block, (pixels, damage) in enumerate(
                        pool.map(self._block, range(first, last)), first
                    ):
                        os.pwrite(file, pixels, _offset(block, self.wanted))
                        done.checksums.append(zlib.crc32(pixels))
                        done.damage |= damage
                    self.report(min(last * BLOCK, self.wanted.count), self.wanted.count)
                    self._save(file, done)
            finally:
                self._save(file, done, at_once=True)
        _write(self.place / "cache.json", done)
        (self.place / "progress.json").unlink(missing_ok=True)
        return done

    def _resumed(self) -> Header:
        """What a killed maker finished, if its last block is on disk; else nothing."""
        made, pixels = read_stored(self.place / "progress.json", Header), self.place / "pixels.u8"
        nothing = msgspec.structs.replace(self.wanted, checksums=[], damage={})
        if made is None or not made.checksums or not _fits(made, self.wanted):
            return nothing
        if len(made.checksums) > _blocks(self.wanted) or (self.stops and made.damage):
            return nothing
        with suppress(OSError), pixels.open("rb") as file:
            last = len(made.checksums) - 1
            whole = pixels.stat().st_size == _bytes(self.wanted)
            if whole and _checksum(file.fileno(), last, self.wanted) == made.checksums[last]:
                return made
        return nothing

    @contextmanager
    def _opened(self, *, anew: bool) -> Iterator[int]:
        """The file of the pixels at its full size; a new one, since other processes may have mapped the old one."""
        path = self.place / "pixels.u8"
        if anew:
            (self.place / "progress.json").unlink(missing_ok=True)
            path.unlink(missing_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _reserve(file, _bytes(self.wanted))
            yield file
        except OSError as e:
            if e.errno and e.filename is None:
                size = f"{_bytes(self.wanted) / 1e9:.3g} GB"
                raise OSError(e.errno, f"{e.strerror} (the cache takes {size})", str(path)) from e
            raise
        finally:
            os.close(file)

    def _block(self, block: int) -> tuple[memoryview, dict[int, str]]:
        """The pixels of a block, and what is wrong with its damaged files."""
        rows = range(block * BLOCK, min((block + 1) * BLOCK, self.wanted.count))
        pixels = np.zeros((len(rows), self.wanted.side, self.wanted.side, 3), dtype=np.uint8)
        damage = {}
        for place, row in enumerate(rows):
            try:
                image = square(self.split.photograph(row), self.wanted.side)
            except DamagedImageError as e:
                if self.stops:
                    raise
                damage[row] = str(e)
            else:
                pixels[place] = image.permute(1, 2, 0).numpy()
        return pixels.reshape(-1).data, damage

    def _save(self, file: int, done: Header, *, at_once: bool = False) -> None:
        """Record what is finished, once it is on disk."""
        if at_once or time.monotonic() - self.saved > SAVE_INTERVAL:
            os.fsync(file)
            _write(self.place / "progress.json", done)
            self.saved = time.monotonic()


def _reserve(file: int, size: int) -> None:
    """Give the file its size, and where the system can, its place on the disk: a full one is told at once."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    else:  # macOS
        os.ftruncate(file, size)


def _write(path: Path, header: Header) -> None:
    with atomic(path) as part:
        part.write_bytes(msgspec.json.encode(header))


def _blocks(of: Header) -> int:
    return -(-of.count // BLOCK)


def _bytes(of: Header) -> int:
    return of.count * of.side * of.side * 3


def _offset(block: int, of: Header) -> int:
    return block * BLOCK * of.side * of.side * 3


def _checksum(file: int, block: int, of: Header) -> int:
    """Of a block on disk."""
    start = _offset(block, of)
    length = min(_offset(block + 1, of), _bytes(of)) - start
    return zlib.crc32(os.pread(file, length, start))
