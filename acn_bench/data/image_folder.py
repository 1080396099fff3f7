"""Folders `train/<class>/` and `val/<class>/` of image files, of any number and size -> a data set.

The fingerprint is a hash of the names and sizes of all files, of the classes, and of the content of 256 files that
are spread evenly over each split. All contents of a small set count. In a large one a change that keeps a file's
size goes unnoticed unless the file is sampled: reading 150 GB at each start would take longer than many runs.
"""

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from acn_bench.data import image_decoding
from acn_bench.data.data_set import Counts
from acn_bench.data.image_listing import ClassFolder, Listing, list_images
from acn_bench.data.manifest import ManifestStore
from acn_bench.data.sets.imagenet import IMAGENET
from acn_bench.errors import MissingData, listed, shorten
from acn_bench.registry import DATA, closest
from acn_bench.spec import Inputs
from acn_bench.wording import plural

SPLITS = ("train", "val")
SAMPLED = 256  # files of a split whose content is hashed
# bytes of a file on average: the originals have 110,000, and sets that were resized have less
IMAGENET_MEAN_SIZE = 90_000


@dataclass(frozen=True, eq=False)
class FolderSplit:
    """One split: the files by row, sorted by class and name. It meets `file_source.Photographs`."""

    folder: Path
    names: list[str]  # (N,) relative to the folder, with "/"
    sizes: Tensor  # (N,) int64, bytes
    labels: Tensor  # (N,) int64, the place of the class in `class_names`
    digest: str  # 64 hex digits of the hash of names, sizes and sampled contents

    def __len__(self) -> int:
        return len(self.names)

    def path(self, row: int) -> Path:
        """The file of a row."""
        return self.folder / self.names[row]

    def photograph(self, row: int) -> Tensor:
        """(3, H, W) uint8. Raises DamagedImageError, which names the file."""
        return image_decoding.decode_file(self.path(row))


@dataclass(frozen=True, eq=False)
class ImageFolderData:
    """Both splits of a folder of images; it meets `DataSet`. Images are read as they are asked for."""

    inputs: ClassVar[Inputs] = "image"
    image_shape: ClassVar[None] = None  # of several sizes
    origin_known: ClassVar[bool] = True

    name: str
    train: FolderSplit
    test: FolderSplit
    class_names: tuple[str, ...]  # the class folders, of `train` where it is there; sorted; (K,)
    flips: bool  # whether a mirrored image keeps its class
    canonical: bool  # ImageNet by its numbers of files and classes and the mean size of a file
    fingerprint: str

    @property
    def counts(self) -> Counts:
        """The number of training and of test images."""
        return Counts(len(self.train), len(self.test))

    @property
    def train_labels(self) -> Tensor:
        """(N,) int64, 0 … K-1."""
        return self.train.labels

    @property
    def test_labels(self) -> Tensor:
        """(M,) int64, 0 … K-1; a class may have no test images."""
        return self.test.labels


@lru_cache
def load(name: str, root: Path) -> ImageFolderData:
    """The set of that name from `<root>/<name>/train/<class>/` and `<root>/<name>/val/<class>/`.

    Raises MissingData where a split is absent, ValueError for an empty class folder, a test class that is not
    trained, a file that is no image, and a link that leads back; OSError where a file cannot be read.
    """
    listing = _listing(name, root, SPLITS)
    return _data(name, root / name, listing, _classes(root / name, listing))


@lru_cache
def load_tests(name: str, root: Path) -> ImageFolderData:
    """As `load`; without a folder `train` the test images alone, whose class folders are the classes."""
    if (root / name / "train").is_dir():
        return load(name, root)
    listing = _listing(name, root, ("val",))
    classes = tuple(one.name for one in listing.splits["val"])
    return _data(name, root / name, listing, classes)


def _listing(name: str, root: Path, splits: tuple[str, ...]) -> Listing:
    """The files of the splits. Raises MissingData where one is absent, else as `load`."""
    folder = root / name
    for split in splits:
        if not (folder / split).is_dir():
            raise _missing(name, folder / split)
    places = ManifestStore(f"{name}.images", root, folder).places
    listing = list_images(places, folder, splits)
    if not all(_is_current(folder / split, listing.splits[split]) for split in splits):
        listing = list_images(places, folder, splits, anew=True)
    return listing


def _data(name: str, folder: Path, listing: Listing, classes: tuple[str, ...]) -> ImageFolderData:
    """The data set of the files; no training rows where they were not listed."""
    train, test = (
        _split(folder / split, listing.splits.get(split, []), classes) for split in SPLITS
    )
    return ImageFolderData(
        name=name,
        train=train,
        test=test,
        class_names=classes,
        flips=DATA.load(name).flips,
        canonical=_is_imagenet(train, test, classes),
        fingerprint=_hash(*classes, train.digest, test.digest)[:12],
    )


def _classes(folder: Path, listing: Listing) -> tuple[str, ...]:
    """The names of the classes. Raises ValueError where a test class is not trained."""
    classes = tuple(one.name for one in listing.splits["train"])
    unknown = [one.name for one in listing.splits["val"] if one.name not in set(classes)]
    if unknown:
        raise ValueError(
            f"{folder / 'val'} has {plural(len(unknown), 'class folder')} that {folder / 'train'} lacks: "
            f"{listed(unknown, 5)}. {closest(unknown[0], classes)}"
        )
    return classes


def _split(
    folder: Path, listed_classes: list[ClassFolder], classes: tuple[str, ...]
) -> FolderSplit:
    """The rows of a split."""
    number = {name: label for label, name in enumerate(classes)}
    names = [f"{one.name}/{file}" for one in listed_classes for file in one.files]
    sizes = np.array([size for one in listed_classes for size in one.sizes], dtype=np.int64)
    labels = np.array(
        [number[one.name] for one in listed_classes for _ in one.files], dtype=np.int64
    )
    digest = hashlib.sha256()
    for name, size in zip(names, sizes.tolist(), strict=True):
        digest.update(os.fsencode(f"{name}\0{size}\n"))
    for row in sampled(len(names)):
        digest.update(content_hash(folder / names[row]))
    return FolderSplit(
        folder, names, torch.from_numpy(sizes), torch.from_numpy(labels), digest.hexdigest()
    )


def sampled(count: int) -> list[int]:
    """Rows that are spread evenly, both ends among them."""
    if count <= SAMPLED:
        return list(range(count))
    return [k * (count - 1) // (SAMPLED - 1) for k in range(SAMPLED)]


def _is_current(folder: Path, classes: list[ClassFolder]) -> bool:
    """Whether the sampled files are there with their listed sizes."""
    files = [
        (f"{c.name}/{f}", size) for c in classes for f, size in zip(c.files, c.sizes, strict=True)
    ]
    try:
        return all(
            (folder / files[k][0]).stat().st_size == files[k][1] for k in sampled(len(files))
        )
    except OSError:
        return False


def content_hash(path: Path) -> bytes:
    """The hash of a file's content. Raises ValueError where it begins as no image does."""
    content = path.read_bytes()
    if not content.startswith(image_decoding.BEGINNINGS):
        raise ValueError(
            f"{path} is no image, whatever its name: it begins with {shorten(content[:8])}; remove it or replace it"
        )
    return hashlib.sha256(content).digest()


def _is_imagenet(train: FolderSplit, test: FolderSplit, classes: tuple[str, ...]) -> bool:
    """Whether it has the numbers of ImageNet-1K, and files as large: nobody hashes 150 GB at each start.

    Without training images it counts the test images alone.
    """
    sizes = torch.cat([train.sizes, test.sizes])
    wordnet = all(len(name) == 9 and name[0] == "n" and name[1:].isdecimal() for name in classes)
    original = IMAGENET.original
    assert original is not None
    full = (
        wordnet
        and len(train) in (0, original.train)
        and (len(test), len(classes)) == (original.test, original.classes)
    )
    return full and float(sizes.double().mean()) >= IMAGENET_MEAN_SIZE


def _hash(*words: str) -> str:
    return hashlib.sha256(os.fsencode("\0".join(words))).hexdigest()


def _missing(name: str, folder: Path) -> MissingData:
    info = DATA.load(name)
    return MissingData(
        f"{info.title} is not complete in {folder.parent}: the folder '{folder.name}' was expected there, with a "
        f"folder of image files for each class; put them there, or use the embedded {info.embedded} in its place",
        info.embedded,
    )
