"""A folder of files -> their names, sizes and content hashes, computed once and stored as JSON.

A later start hashes only files whose size or modification time changed, as make and git's index do. The same
limit holds: a content that changes while the size stays and the time is set back goes unnoticed. Delete the
stored manifest to hash all files again.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from filelock import FileLock

from acn_bench.run_folder import atomic

T = TypeVar("T")
Progress = Callable[[int, int], None]  # bytes hashed so far, bytes to hash

FOLDER = ".acn_bench"  # below the data root
VERSION = 1  # of the JSON
CHUNK = 2**20  # bytes in memory at a time
UNSETTLED = 2 * 10**9  # ns; the coarsest file system rounds modification times to 2 s (FAT)
SAVE_INTERVAL = 60.0  # seconds of hashing that a killed process loses at most

Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Hash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{1,128}\Z")]


class File(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One file and the hash of its content."""

    name: str  # relative to the folder, with "/"
    size: int  # bytes
    mtime_ns: (
        int | None
    )  # None: hashed so soon after a change that another one could leave the same time
    sha256: Sha256

    def matches(self, stat: os.stat_result) -> bool:
        """Whether the content may be taken for unchanged."""
        return (self.size, self.mtime_ns) == (stat.st_size, stat.st_mtime_ns)


class Manifest(msgspec.Struct, frozen=True):
    """The files of one data set, sorted by name."""

    version: int
    files: tuple[File, ...]
    derived: dict[str, Hash] = {}  # hashes of another kind that were computed from these contents

    @property
    def digest(self) -> str:
        """64 hex digits of the hash of names and contents."""
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(os.fsencode(file.name) + b"\0" + file.sha256.encode() + b"\n")
        return digest.hexdigest()


def fingerprint(manifest: Manifest) -> str:
    """12 hex digits of the hash of names and contents; neither times nor the folder's place count."""
    return manifest.digest[:12]


@dataclass(frozen=True)
class ManifestStore:
    """The manifest of one data set on disk."""

    name: str  # of the data set
    root: Path  # of the data
    folder: Path  # of the files

    def update(self, files: Iterable[str], progress: Progress | None = None) -> Manifest:
        """The manifest of these files of the folder; those that changed since it was stored are hashed.

        It is stored below `root`, or in the user's cache where `root` cannot be written; where neither can, it
        is not stored. A damaged manifest is replaced. A second process that wants the same one waits for the
        first. Raises OSError where a file cannot be read.
        """
        with locked_place(self.places) as place:
            stored = [m for m in map(_read, self.places) if m is not None]
            manifest = _hashed(self.folder, list(dict.fromkeys(files)), stored, place, progress)
            if manifest not in stored:
                write_stored(manifest, place)
            return manifest

    def derive(
        self, manifest: Manifest, keys: Set[str], compute: Callable[[], dict[str, str]]
    ) -> dict[str, str]:
        """Hashes that follow from the contents alone, as hex digits: the stored ones, else `compute()`, stored.

        They are not stored where a file changed after it was hashed: `compute` may have read either content.
        """
        if keys <= manifest.derived.keys():
            return manifest.derived
        derived = compute()
        if all(file.matches((self.folder / file.name).stat()) for file in manifest.files):
            with locked_place(self.places) as place:
                write_stored(msgspec.structs.replace(manifest, derived=derived), place)
        return derived

    @property
    def places(self) -> list[Path]:
        """Where the manifest may be stored, the best place first."""
        places = [self.root / FOLDER / f"{self.name}.json"]
        with suppress(RuntimeError):  # no home folder
            key = hashlib.sha256(os.fsencode(self.folder.absolute())).hexdigest()[:8]
            cache = Path("~/.cache/acn_bench/manifests").expanduser()
            places.append(cache / f"{self.name}-{key}.json")
        return places


# ---------------------------------------------------------------- list and hash


def list_files(folder: Path) -> Iterator[str]:
    """The names of all files below `folder`, relative to it; hidden files and folders are skipped.

    Links are followed. Raises OSError where a folder cannot be read, ValueError where a link leads back to a
    folder that contains it.
    """
    yield from _list_files(folder, "", frozenset())


def _list_files(folder: Path, prefix: str, parents: frozenset[tuple[int, int]]) -> Iterator[str]:
    stat = folder.stat()
    identity = (stat.st_dev, stat.st_ino)
    if identity in parents:
        raise ValueError(f"{folder} is a link to a folder that contains it")
    with os.scandir(folder) as entries:
        visible = sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
    for entry in visible:
        if entry.is_dir():
            inner = f"{prefix}{entry.name}/"
            yield from _list_files(folder / entry.name, inner, parents | {identity})
        else:
            yield prefix + entry.name


class _ByteCounter:
    """Reports progress: the bytes hashed so far, and those to hash."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.done = 0
        self.total = total
        self.progress = progress

    def add(self, count: int) -> None:
        self.done += count
        if self.progress is not None:
            self.progress(self.done, self.total)


def _hashed(
    folder: Path,
    names: Sequence[str],
    stored: Sequence[Manifest],
    place: Path | None,
    progress: Progress | None,
) -> Manifest:
    """The manifest of the files as they are now; from time to time, what is finished is stored."""
    known = [{file.name: file for file in manifest.files} for manifest in stored]
    files: dict[str, File | None] = {}
    total = 0
    for name in names:
        stat = os.stat(os.path.join(folder, name))  # noqa: PTH116, PTH118 - twice as fast
        candidates = (entries[name] for entries in known if name in entries)
        files[name] = next((file for file in candidates if file.matches(stat)), None)
        total += 0 if files[name] else stat.st_size
    counter = _ByteCounter(total, progress)
    saved = time.monotonic()
    for name in names:
        files[name] = files[name] or _hash(folder, name, counter)
        if time.monotonic() - saved > SAVE_INTERVAL:
            write_stored(_manifest(files, stored), place)
            saved = time.monotonic()
    return _manifest(files, stored)


def _manifest(files: dict[str, File | None], stored: Sequence[Manifest]) -> Manifest:
    """The files that are hashed, with the values that were derived from the same contents."""
    hashed = (files[name] for name in sorted(files))
    manifest = Manifest(VERSION, tuple(file for file in hashed if file is not None))
    same = (m.derived for m in stored if m.derived and m.digest == manifest.digest)
    return msgspec.structs.replace(manifest, derived=next(same, {}))


def _hash(folder: Path, name: str, counter: _ByteCounter) -> File:
    """Hash one file, a chunk at a time."""
    digest = hashlib.sha256()
    with (folder / name).open("rb") as f:
        stat, now = os.fstat(f.fileno()), time.time_ns()
        while chunk := f.read(CHUNK):
            digest.update(chunk)
            counter.add(len(chunk))
    settled = now - stat.st_mtime_ns > UNSETTLED
    return File(name, stat.st_size, stat.st_mtime_ns if settled else None, digest.hexdigest())


# ---------------------------------------------------------------- read and write


@contextmanager
def locked_place(places: Sequence[Path]) -> Iterator[Path | None]:
    """The first place that can be written, locked against other processes; None where none can."""
    for place in places:
        lock = FileLock(place.with_suffix(".lock"))
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except (OSError, NotImplementedError):  # read-only; a file system without locks
            continue
        try:
            yield place
        finally:
            lock.release()
        return
    yield None


def _read(path: Path) -> Manifest | None:
    """A stored manifest; None where there is none, or where it is damaged or of another version."""
    manifest = read_stored(path, Manifest)
    return manifest if manifest is not None and manifest.version == VERSION else None


def read_stored(path: Path, of: type[T]) -> T | None:
    """What `write_stored` stored; None where there is nothing, or where it is damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=of) if path.is_file() else None
    except (OSError, ValueError, RecursionError):
        return None


def write_stored(value: msgspec.Struct, place: Path | None) -> None:
    """Store it as JSON, whole or not at all. On a full disk it is not stored: the next start makes it again."""
    if place is None:
        return
    with suppress(OSError, UnicodeEncodeError):
        # this process holds the lock: only a killed one can have left these
        for stale in place.parent.glob(f".{place.name}.*.part"):
            stale.unlink(missing_ok=True)
        with atomic(place) as part:
            part.write_bytes(msgspec.json.encode(value))
