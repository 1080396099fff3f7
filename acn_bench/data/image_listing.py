"""Class folders -> the names and sizes of their images, read from disk once and then only where a folder changed.

A folder is listed again when its modification time changed, as it does when a file in it is added, removed or
renamed. A file that is overwritten in place does not change it: the fingerprint's sampled files notice that.
Delete the stored list to list all folders again.
"""

import os
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from acn_bench.data.image_decoding import SUFFIXES
from acn_bench.data.manifest import UNSETTLED, locked_place, read_stored, write_stored
from acn_bench.errors import listed
from acn_bench.wording import plural

VERSION = 1  # of the stored JSON

Size = Annotated[int, msgspec.Meta(gt=0)]


class ClassFolder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One class folder."""

    name: str
    # None: it changed so shortly before it was listed that a later change could leave the same time, or it holds
    # folders or links, whose changes leave no trace in it
    mtime_ns: int | None
    files: list[str]  # sorted names relative to the folder, with "/"
    sizes: list[Size]  # bytes


class Listing(msgspec.Struct, frozen=True):
    """The class folders of each split, sorted by name."""

    version: int
    splits: dict[str, list[ClassFolder]]


def list_images(
    places: Sequence[Path], folder: Path, splits: tuple[str, ...], *, anew: bool = False
) -> Listing:
    """The images below `<folder>/<split>/<class>/`, at any depth; hidden files and folders are skipped.

    The list is stored at the first of `places` that can be written; `anew` reads every folder. Raises ValueError for an empty class folder,
    a file that is no image by its name, is empty or no regular file, and for a link that leads back; OSError where
    a file or folder cannot be read.
    """
    with locked_place(places) as place:
        stored = next(filter(_is_whole, (read_stored(path, Listing) for path in places)), None)
        known = stored.splits if stored and not anew else {}
        listing = Listing(
            VERSION, {split: _split(folder / split, known.get(split, [])) for split in splits}
        )
        if listing != stored:
            write_stored(listing, place)
    return listing


def _is_whole(listing: Listing | None) -> bool:
    """Whether it is a list of this version whose parts agree."""
    if listing is None or listing.version != VERSION:
        return False
    return all(
        len(one.files) == len(one.sizes) for split in listing.splits.values() for one in split
    )


def _split(folder: Path, known: list[ClassFolder]) -> list[ClassFolder]:
    """The class folders of one split."""
    stored = {one.name: one for one in known}
    with os.scandir(folder) as entries:
        visible = sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
    loose = [entry.name for entry in visible if not entry.is_dir()]
    classes = [entry.name for entry in visible if entry.is_dir()]
    if not classes:
        raise ValueError(
            f"{folder} holds {plural(len(loose), 'file')} and no class folders: put each image into "
            f"{folder.name}/<class>/"
        )
    return [_class_folder(folder / name, stored.get(name)) for name in classes]


def _class_folder(folder: Path, stored: ClassFolder | None) -> ClassFolder:
    """One class folder, as stored where it has not changed."""
    now, state = time.time_ns(), folder.stat()
    if stored and stored.mtime_ns == state.st_mtime_ns and stored.files:
        return stored
    found = sorted(_images(folder, "", frozenset()))
    if not found:
        raise ValueError(
            f"{folder} is an empty class folder: add its images ({', '.join(sorted(SUFFIXES))}) or remove it"
        )
    plain = all(direct for _, _, direct in found)
    settled = plain and now - state.st_mtime_ns > UNSETTLED
    names, sizes = [name for name, _, _ in found], [size for _, size, _ in found]
    return ClassFolder(folder.name, state.st_mtime_ns if settled else None, names, sizes)


def _images(
    folder: Path, prefix: str, parents: frozenset[tuple[int, int]]
) -> Iterator[tuple[str, int, bool]]:
    """Name, size, and whether it lies in the folder itself and is no link, of all images below it."""
    state = folder.stat()
    identity = (state.st_dev, state.st_ino)
    if identity in parents:
        raise ValueError(f"{folder} is a link to a folder that contains it: remove the link")
    with os.scandir(folder) as entries:
        visible = [entry for entry in entries if not entry.name.startswith(".")]
    for entry in visible:
        if entry.is_dir():
            inner = f"{prefix}{entry.name}/"
            for name, size, _ in _images(folder / entry.name, inner, parents | {identity}):
                yield name, size, False
        else:
            yield prefix + entry.name, _size(entry), not prefix and not entry.is_symlink()


def _size(entry: os.DirEntry[str]) -> int:
    """The bytes of an image file. Raises ValueError where it is none."""
    if os.path.splitext(entry.name)[1].lower() not in SUFFIXES:  # noqa: PTH122 - ten times as fast
        raise ValueError(
            f"{entry.path} is no image ({listed(sorted(SUFFIXES))}): remove it, or move it out of the class folders"
        )
    state = entry.stat()  # raises OSError for a link to nothing, or to itself
    if not stat.S_ISREG(state.st_mode):
        raise ValueError(f"{entry.path} is no regular file: remove it")
    if not state.st_size:
        raise ValueError(f"{entry.path} is empty: it is no image")
    if not os.access(entry.path, os.R_OK):
        raise PermissionError(13, "Permission denied", entry.path)
    return state.st_size
