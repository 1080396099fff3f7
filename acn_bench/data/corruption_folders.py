"""Folders of corrupted images -> images by the row of their clean one: ImageNet-C, ImageNet-C-bar and 3DCC.

Layout, as released: `<folder>/<corruption>/<severity>/<class>/<file>`, with the class folders and file names of the
clean test images, `<clean>/<class>/<file>`. ImageNet-C's files are JPEG-compressed once more than its formulas say.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

SEVERITIES = 5
SUFFIXES = frozenset({".jpeg", ".jpg", ".png"})

FORMATS = ("JPEG", "PNG")
# of Pillow: SyntaxError for a broken PNG
FAULTS = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)

Name = tuple[str, str]  # class folder and file name, the name without its suffix


@dataclass(frozen=True, eq=False)
class CorruptionFolders:
    """Corrupted test images on disk; made by `open_folders`. Images are read as they are asked for."""

    folder: Path
    corruptions: tuple[str, ...]
    class_names: tuple[str, ...]  # the class folders, sorted; (K,)
    images: tuple[Name, ...]  # the clean test images, sorted: an image's place is its row
    _paths: dict[Path, list[Path]] = field(default_factory=dict, repr=False)

    @property
    def labels(self) -> Tensor:
        """(N,) int64: the place of an image's class in `class_names`."""
        number = {name: label for label, name in enumerate(self.class_names)}
        return torch.tensor([number[name] for name, _ in self.images], dtype=torch.int64)

    def paths(self, corruption: str, severity: int) -> list[Path]:
        """The files of all rows, (N,). They are listed once, and compared with the clean images.

        Raises LookupError where the corruption, a severity or an image is absent, ValueError where an image lies in
        another class than its clean one, or has no clean one, or the severity is not 1 … 5.
        """
        base = self._severity(corruption, severity)
        if base not in self._paths:
            self._paths[base] = _in_order(base, self.images)
        return self._paths[base]

    def pixels(self, corruption: str, severity: int, rows: Tensor) -> Tensor:
        """Images (B, 3, H, W) uint8, on the CPU, B > 0; rows (B,) count from 0 in the clean test images.

        Raises as `paths`, and ValueError where a file is damaged or of another size than the first.
        """
        paths = self.paths(corruption, severity)
        files = [paths[row] for row in rows.tolist()]
        images = [_decoded(path) for path in files]
        for path, image in zip(files, images, strict=True):
            if image.shape != images[0].shape:
                raise ValueError(
                    f"{path} is {_size(image)} pixels, and {files[0]} is {_size(images[0])}: images of one batch must "
                    "have one size"
                )
        return torch.stack(images)

    def _severity(self, corruption: str, severity: int) -> Path:
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
    """The corruptions below `folder`, of the clean test images `<clean>/<class>/<file>`.

    Raises LookupError where either holds nothing.
    """
    corruptions = tuple(_folders(folder))
    if not corruptions:
        raise LookupError(f"{folder} holds no folders <corruption>/<severity>/<class>")
    images = tuple(sorted(_files(clean)))
    if not images:
        raise LookupError(f"{clean} holds no clean test images <class>/<file>")
    return CorruptionFolders(folder, corruptions, tuple(sorted({c for c, _ in images})), images)


def _in_order(base: Path, images: tuple[Name, ...]) -> list[Path]:
    """The file of each clean image."""
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
    return [files[image] for image in images]


def _files(base: Path) -> dict[Name, Path]:
    """The images in the class folders; an empty dict where there are none."""
    found: dict[Name, Path] = {}
    for class_name in _folders(base):
        with os.scandir(base / class_name) as entries:
            paths = [Path(e.path) for e in entries if not e.name.startswith(".") and e.is_file()]
        for path in paths:
            if path.suffix.lower() not in SUFFIXES:
                continue
            image = (class_name, path.stem)
            if image in found:
                raise ValueError(f"{path} and {found[image].name} have one name")
            found[image] = path
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


def _decoded(path: Path) -> Tensor:
    """(3, H, W) uint8."""
    try:
        with Image.open(path, formats=FORMATS) as file:
            pixels = np.array(file.convert("RGB"))
    except FAULTS as e:
        why = str(e).partition("\n")[0].replace(f"{str(path)!r}", "it") or type(e).__name__
        raise ValueError(f"{path} is no image, or it is damaged: {why:.120}") from e
    return torch.from_numpy(pixels).permute(2, 0, 1)


def _size(image: Tensor) -> str:
    _, height, width = image.shape
    return f"{height} × {width}"
