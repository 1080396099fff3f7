"""Folders of corrupted images -> images by the row of their clean one: ImageNet-C, ImageNet-C-bar and 3DCC.

Layout, as released: `<folder>/<corruption>/<severity>/<class>/<file>`, with the class folders and file names of the
clean test images. The files of ImageNet-C and ImageNet-C-bar are JPEG-compressed once more than their formulas say.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from sys import intern

import torch
from torch import Tensor

from acn_bench.data.file_source import FileSource
from acn_bench.data.image_decoding import SUFFIXES, DamagedImageError, decode_file
from acn_bench.data.image_view import View

SEVERITIES = 5
SIZE = 224  # pixels a side of the released files

Name = tuple[str, str]  # class folder and file name, the name without its suffix


@dataclass(frozen=True, eq=False)
class SeverityFolder:
    """The images of one corruption at one severity, by the row of their clean one; it meets `file_source.Photographs`."""

    folder: Path
    images: tuple[Name, ...]  # the clean test images; (N,)
    suffixes: tuple[str, ...]  # of the corrupted files; (N,)
    labels: Tensor  # (N,) int64

    def path(self, row: int) -> Path:
        """The file of a row."""
        class_name, name = self.images[row]
        return self.folder / class_name / f"{name}{self.suffixes[row]}"

    def photograph(self, row: int) -> Tensor:
        """(3, S, S) uint8. Raises DamagedImageError where the file is damaged, or no square: it was not cropped."""
        image = decode_file(self.path(row))
        _, height, width = image.shape
        if height != width:
            raise DamagedImageError(
                f"{self.path(row)} is {height} × {width} pixels: corrupted images are squares, cropped before they "
                "were corrupted"
            )
        return image


@dataclass(frozen=True, eq=False)
class CorruptionFolders:
    """Corrupted test images on disk; made by `open_folders`. Images are read as they are asked for."""

    folder: Path
    corruptions: tuple[str, ...]
    class_names: tuple[str, ...]  # (K,)
    images: tuple[Name, ...]  # the clean test images: an image's place is its row; (N,)
    _listed: dict[Path, SeverityFolder] = field(default_factory=dict, repr=False)
    _opened: dict[tuple[Path, int], FileSource] = field(default_factory=dict, repr=False)

    @cached_property
    def labels(self) -> Tensor:
        """(N,) int64: the place of an image's class in `class_names`."""
        number = {name: label for label, name in enumerate(self.class_names)}
        return torch.tensor([number[name] for name, _ in self.images], dtype=torch.int64)

    def severity(self, corruption: str, severity: int) -> SeverityFolder:
        """The images of a corruption at a severity. Its files are listed once, and compared with the clean images.

        Raises LookupError where the corruption, a severity or an image is absent, ValueError where an image lies in
        another class than its clean one, or has no clean one, or the severity is not 1 … 5.
        """
        base = self._base(corruption, severity)
        if base not in self._listed:
            suffixes = _suffixes(base, self.images)
            self._listed[base] = SeverityFolder(base, self.images, suffixes, self.labels)
        return self._listed[base]

    def pixels(self, corruption: str, severity: int, rows: Tensor, size: int = SIZE) -> Tensor:
        """Images (B, 3, size, size) uint8, on the CPU; rows (B,) count from 0 in the clean test images.

        A file of another size is resized, and never cropped: its image was cropped before it was corrupted.
        Raises as `severity`, and DamagedImageError where a file is damaged or no square.
        """
        base = self._base(corruption, severity), size
        if base not in self._opened:
            view = View(size=size, resized=size, flip=False)
            self._opened.clear()  # one pool of threads
            self._opened[base] = FileSource(
                self.severity(corruption, severity), view, seed=0, device=torch.device("cpu")
            )
        return self._opened[base].images(rows, None)

    def _base(self, corruption: str, severity: int) -> Path:
        """The folder of a severity: their names are numbers, 1 … 5, or the constants of ImageNet-C-bar, in ascending order."""
        if severity not in range(1, SEVERITIES + 1):
            raise ValueError(f"severities are 1, 2, 3, 4 and 5, not {severity}")
        base = self.folder / corruption
        if corruption not in self.corruptions:
            raise LookupError(f"{self.folder} holds no corruption {corruption}: {base} is absent")
        numbered = {
            name: number for name in _folders(base) if (number := _number(name)) is not None
        }
        if len(set(numbered.values())) != SEVERITIES:
            names = ", ".join(sorted(numbered)) or "none"
            raise LookupError(
                f"{base} must hold a folder for each of {SEVERITIES} severities, and holds {names}"
            )
        return base / sorted(numbered, key=lambda name: numbered[name])[severity - 1]


def open_folders(folder: Path, clean: Path) -> CorruptionFolders:
    """The corruptions below `folder`, of the clean test images `<clean>/<class>/<file>`, which are sorted.

    Raises LookupError where either holds nothing.
    """
    corruptions = corruptions_in(folder)
    if not corruptions:
        raise LookupError(f"{folder} holds no folders <corruption>/<severity>/<class>")
    images = tuple(sorted(_files(clean)))
    if not images:
        raise LookupError(f"{clean} holds no clean test images <class>/<file>")
    return CorruptionFolders(folder, corruptions, tuple(sorted({c for c, _ in images})), images)


def corruptions_in(folder: Path) -> tuple[str, ...]:
    """The corruptions below `folder`, sorted; none where it is no folder."""
    return tuple(_folders(folder))


def _suffixes(base: Path, images: tuple[Name, ...]) -> tuple[str, ...]:
    """The suffix of the file of each clean image."""
    files = _files(base)
    expected = set(images)
    further = sorted(files.keys() - expected)
    class_of = {name: class_name for class_name, name in further}
    for class_name, name in images:
        if (class_name, name) in files:
            continue
        if name in class_of:
            raise ValueError(
                f"{base}: {name} lies in class {class_of[name]}, and its clean image in class {class_name}"
            )
        raise LookupError(
            f"{base} is not complete: it has no image of the clean {class_name}/{name}"
        )
    if further:
        raise ValueError(f"{base}: {'/'.join(further[0])} has no clean image")
    return tuple(files[image] for image in images)


def _files(base: Path) -> dict[Name, str]:
    """The images in the class folders, and the suffix of each; an empty dict where there are none."""
    found: dict[Name, str] = {}
    for class_name in _folders(base):
        with os.scandir(base / class_name) as entries:
            names = [e.name for e in entries if not e.name.startswith(".") and e.is_file()]
        for stem, suffix in map(os.path.splitext, names):
            if suffix.lower() not in SUFFIXES:
                continue
            image = (class_name, stem)
            if image in found:
                raise ValueError(
                    f"{base / class_name}: {stem}{suffix} and {stem}{found[image]} have one name"
                )
            found[image] = intern(suffix)  # a tree has millions of files
    return found


def _folders(base: Path) -> Iterator[str]:
    """Their names, sorted; none where `base` is no folder."""
    if not base.is_dir():
        return
    with os.scandir(base) as entries:
        yield from sorted(e.name for e in entries if not e.name.startswith(".") and e.is_dir())


def _number(name: str) -> float | None:
    """The number that a folder is named by."""
    return float(name) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", name) else None
