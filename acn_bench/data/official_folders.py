"""The official files of ImageNet-C, ImageNet-C-bar and ImageNet-3DCC -> corrupted test images, read as they are needed.

They lie beside the clean images of the same data root: `<root>/ImageNet-C/<corruption>/<severity>/<class>/<file>` and
`<root>/imagenet/val/<class>/<file>`, any number of classes and files, each with its clean image.

The fingerprint is a hash of the names of all files and of the content of 16 files of each severity: reading 100 GB at
each start would take longer than many runs. A change to another file goes unnoticed; a damaged one ends the run.
"""

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from torch import Tensor

from acn_bench.data import image_folder
from acn_bench.data.corruption_folders import (
    SEVERITIES,
    SIZE,
    CorruptionFolders,
    Name,
    SeverityFolder,
    corruptions_in,
)
from acn_bench.data.data_set import Counts
from acn_bench.data.image_folder import ImageFolderData
from acn_bench.errors import listed
from acn_bench.registry import OFFICIAL, closest
from acn_bench.spec import Inputs

CLEAN = "imagenet"
FOLDERS = {  # as RobustBench and the programs that make them name them
    "imagenet_c": "ImageNet-C",
    "imagenet_c_bar": "ImageNet-C-Bar",
    "imagenet_3dcc": "ImageNet-3DCC",
}
SAMPLED = 16  # files of a severity whose content is hashed


@dataclass(frozen=True, eq=False)
class OfficialFolders:
    """The corrupted test images of one official set, on disk; it meets `CorruptedImages`."""

    inputs: ClassVar[Inputs] = "image"
    image_shape: ClassVar[None] = None  # `pixels` resizes them
    origin_known: ClassVar[bool] = True

    name: str  # imagenet_c, imagenet_c_bar or imagenet_3dcc
    folders: CorruptionFolders
    canonical: bool  # all its corruptions, of ImageNet in full; nobody hashes their files
    fingerprint: str

    @property
    def class_names(self) -> tuple[str, ...]:
        """The class folders; (K,)."""
        return self.folders.class_names

    @property
    def counts(self) -> Counts:
        """No training images; the test images of all corruptions and severities."""
        return Counts(0, len(self.folders.corruptions) * SEVERITIES * len(self.folders.images))

    def require(self, corruption: str) -> None:
        """Raise LookupError where the corruption has no folder."""
        folder = self.folders.folder
        if corruption not in self.folders.corruptions:
            raise LookupError(
                f"{OFFICIAL.load(self.name).title} is not complete in {folder}: the folder '{corruption}' was "
                f"expected there, and there are {listed(self.folders.corruptions)}; measure those by --set corruptions=[…]"
            )

    def pixels(
        self, corruption: str, severity: int, rows: Tensor, size: int | None = None
    ) -> Tensor:
        """Images (B, 3, size, size) uint8, on the CPU; rows (B,) count from 0 in the test set.

        Raises as `CorruptionFolders.pixels`.
        """
        self.require(corruption)
        return self.folders.pixels(corruption, severity, rows, size or SIZE)


@lru_cache
def load(name: str, root: Path) -> OfficialFolders:
    """The set of that name, compared by its file names with the clean test images of the same root.

    Raises LookupError where it is absent or not complete, ValueError where an image lies in another class than its
    clean one or has none; and as `image_folder.load_tests`.
    """
    info, folder = OFFICIAL.load(name), root / FOLDERS[name]
    present = corruptions_in(folder)
    _refuse_absent(name, folder, present)
    clean = image_folder.load_tests(CLEAN, root)
    known = tuple(c for c in (*info.corruptions, *info.extra) if c in present)
    folders = CorruptionFolders(folder, known, clean.class_names, _names(clean))
    digest = hashlib.sha256(clean.test.digest.encode())
    for corruption in known:
        for severity in range(1, SEVERITIES + 1):
            _update(digest, folders.severity(corruption, severity))
    return OfficialFolders(
        name=name,
        folders=folders,
        canonical=clean.canonical and set(info.corruptions) <= set(known),
        fingerprint=digest.hexdigest()[:12],
    )


def _refuse_absent(name: str, folder: Path, present: tuple[str, ...]) -> None:
    """Raise LookupError where no corruption of the set is there, or one that it does not have."""
    info = OFFICIAL.load(name)
    known = (*info.corruptions, *info.extra)
    unknown = [corruption for corruption in present if corruption not in known]
    if unknown:
        raise LookupError(
            f"{folder / unknown[0]} is no corruption of {info.title}. {closest(unknown[0], known)}"
        )
    if not present:
        raise LookupError(
            f"{info.title} is not complete in {folder}: the folder '{known[0]}' was expected there, with a folder of "
            f"images for each severity and class. Put the official files there; where there are none, noise_imagenet "
            "makes the corruptions of ImageNet-C by their formulas"
        )


def _names(clean: ImageFolderData) -> tuple[Name, ...]:
    """The class and the name of each test image, by row."""
    parts = (name.partition("/") for name in clean.test.names)
    return tuple((class_name, os.path.splitext(file)[0]) for class_name, _, file in parts)  # noqa: PTH122 - ten times as fast


def _update(digest: "hashlib._Hash", files: SeverityFolder) -> None:
    """Hash the names of the files of a severity, and the content of some. Raises ValueError where one is no image."""
    digest.update(f"{files.folder.parent.name}/{files.folder.name}\n".encode())
    digest.update("\0".join(files.suffixes).encode())
    count = len(files.suffixes)
    for k in range(min(SAMPLED, count)):
        row = k * (count - 1) // max(1, min(SAMPLED, count) - 1)
        digest.update(image_folder.content_hash(files.path(row)))
