"""The official files of CIFAR-10-C and CIFAR-100-C -> corrupted test images, read from disk as they are needed.

Layout, as released and as RobustBench reads it: `<root>/CIFAR-10-C/<corruption>.npy`, (5 M, 32, 32, 3) uint8, and
`labels.npy`, (5 M,): the M test images in their order at severity 1, then at 2, … 5. M is the number of clean test
images: 10,000, or fewer where the clean files are a subset.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tokenize import TokenError
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from acn_bench.data import cifar
from acn_bench.data.data_set import Counts, ImageShape
from acn_bench.data.images import ImageData
from acn_bench.data.manifest import ManifestStore, fingerprint
from acn_bench.errors import shorten
from acn_bench.registry import COMMON, EXTRA, OFFICIAL
from acn_bench.spec import Inputs

FOLDERS = {"cifar10": "CIFAR-10-C", "cifar100": "CIFAR-100-C"}
LABELS = "labels.npy"
SEVERITIES = 5
SIDE = 32  # pixels
COMPARED = 64  # images of each severity that are compared with their clean ones, at most
ENOUGH = 16  # images below which chance could decide the comparison
MARGIN = 0.1  # of correlation; strongly corrupted images still exceed it, shuffled ones stay near 0

# corruptions whose constants alone say that severity 5 changes an image more than severity 1
GROWING = frozenset(
    {
        "gaussian_noise",
        "shot_noise",
        "impulse_noise",
        "speckle_noise",
        "defocus_blur",
        "gaussian_blur",
        "fog",
        "brightness",
        "contrast",
        "pixelate",
        "jpeg_compression",
    }
)

# of NumPy's reader: a header is parsed as Python
FAULTS = (ValueError, OverflowError, RecursionError, MemoryError, SyntaxError, TokenError, OSError)

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class CifarC:
    """The corrupted test images of one data set, on disk; it meets `CorruptedImages`."""

    inputs: ClassVar[Inputs] = "image"
    origin_known: ClassVar[bool] = True

    name: str  # cifar10_c or cifar100_c
    folder: Path
    corruptions: tuple[str, ...]  # whose files are there
    images: int  # M, of each corruption and severity
    class_names: tuple[str, ...]
    # 10,000 images of each of the 15 common corruptions at 5 severities, their labels those of the original test set;
    # no hashes of the single files are published
    canonical: bool
    fingerprint: str  # of the contents of all its files

    @property
    def title(self) -> str:
        """Its name in messages."""
        return OFFICIAL.load(self.name).title

    @property
    def counts(self) -> Counts:
        """No training images; the test images of all corruptions and severities."""
        return Counts(0, len(self.corruptions) * SEVERITIES * self.images)

    @property
    def image_shape(self) -> ImageShape:
        """(3, 32, 32)."""
        return 3, SIDE, SIDE

    def require(self, corruption: str) -> None:
        """Raise LookupError where the corruption has no file."""
        if corruption not in self.corruptions:
            raise LookupError(
                f"{self.title} is not complete in {self.folder}: the file '{corruption}.npy' was expected there"
            )

    def pixels(
        self, corruption: str, severity: int, rows: Tensor, size: int | None = None
    ) -> Tensor:
        """Images (B, 3, 32, 32) uint8, on the CPU; rows (B,) count from 0 in the test set. Raises as `load`."""
        self.require(corruption)
        file = _images(self.folder / f"{corruption}.npy", self.images, self.title)
        first = (severity - 1) * self.images
        taken = np.asarray(file[first + rows.cpu().numpy()])  # these rows alone are read
        return torch.from_numpy(taken).permute(0, 3, 1, 2).contiguous()


@lru_cache
def load(name: str, root: Path) -> CifarC:
    """`cifar10_c` or `cifar100_c`, compared with the clean test set of the same root. No file is read whole, but once to hash it.

    Raises LookupError where files are absent, ValueError where one is damaged, is of another shape, or does not
    hold the clean test images in their order with their labels; and as `cifar.load`.
    """
    of, title = name.removesuffix("_c"), OFFICIAL.load(name).title
    folder = root / FOLDERS[of]
    present = tuple(c for c in (*COMMON, *EXTRA) if (folder / f"{c}.npy").is_file())
    _refuse_missing(folder, present, title, of)
    clean = cifar.load(of, root)
    count = len(clean.test_labels)
    _check_labels(folder / LABELS, clean, title)
    for corruption in present:
        path = folder / f"{corruption}.npy"
        _check_order(path, _images(path, count, title), clean, title)
    store = ManifestStore(name, root, folder)
    manifest = store.update([*(f"{corruption}.npy" for corruption in present), LABELS])
    return CifarC(
        name=name,
        folder=folder,
        corruptions=present,
        images=count,
        class_names=clean.class_names,
        canonical=clean.canonical and set(COMMON) <= set(present),
        fingerprint=fingerprint(manifest),
    )


def _refuse_missing(folder: Path, present: tuple[str, ...], title: str, of: str) -> None:
    expected = LABELS if present else f"{COMMON[0]}.npy"
    if present and (folder / LABELS).is_file():
        return
    raise LookupError(
        f"{title} is not complete in {folder}: the file '{expected}' was expected there. Put the official .npy files "
        f"there; where there are none, `noise_cifar10 --data {of}` makes corruptions by the same formulas"
    )


# ---------------------------------------------------------------- one file


def _open(path: Path, title: str) -> Array:
    """The array in the file, mapped and not read."""
    try:
        array: Array = np.lib.format.open_memmap(path, mode="r")  # type: ignore[no-untyped-call, unused-ignore]
    except FAULTS as e:
        raise ValueError(
            f"{path} is not a file of {title}, or it is damaged: {shorten(str(e), 120)}"
        ) from e
    return array


def _images(path: Path, count: int, title: str) -> Array:
    """(5 count, 32, 32, 3) uint8."""
    array = _open(path, title)
    expected = (SEVERITIES * count, SIDE, SIDE, 3)
    if array.dtype != np.uint8 or array.shape != expected:
        raise ValueError(
            f"{path} holds {array.dtype} of shape {array.shape}: {count:,} clean test images at {SEVERITIES} severities "
            f"are uint8 of shape {expected}"
        )
    return array


def _check_labels(path: Path, clean: ImageData, title: str) -> None:
    """Every severity has the labels of the clean test images, in their order."""
    labels = _open(path, title)
    expected = np.tile(clean.test_labels.numpy(), SEVERITIES)
    if labels.dtype.kind not in "iu" or labels.shape != expected.shape:
        raise ValueError(
            f"{path} holds {labels.dtype} of shape {labels.shape}: {len(clean.test_labels):,} clean test images at "
            f"{SEVERITIES} severities have whole numbers of shape {expected.shape}"
        )
    wrong = np.flatnonzero(labels != expected)
    if len(wrong):
        block, row = divmod(int(wrong[0]), len(clean.test_labels))
        raise ValueError(
            f"{path} is not in the order of the clean test images: at severity {block + 1}, image {row} is of class "
            f"{labels[wrong[0]]}, and the clean one is of class {expected[wrong[0]]}"
        )


def _check_order(path: Path, array: Array, clean: ImageData, title: str) -> None:
    """Compare some images with their clean ones: each must be more like its own than like the next one's."""
    count = len(clean.test_labels)
    rows = np.unique(np.linspace(0, count - 1, min(COMPARED, count)).astype(np.int64))
    if len(rows) < ENOUGH:
        return
    originals = clean.test_images[torch.from_numpy(rows)].permute(0, 2, 3, 1).numpy()
    originals = originals.reshape(len(rows), -1).astype(np.float64)
    changes = []
    for block in range(SEVERITIES):
        images = np.asarray(array[block * count + rows]).reshape(len(rows), -1).astype(np.float64)
        own, other = _correlation(images, originals), _correlation(images, np.roll(originals, 1, 0))
        if own < other + MARGIN:
            raise ValueError(
                f"{path} is not in the order of the clean test images: at severity {block + 1} its images are no more "
                "like their own clean images than like others"
            )
        changes.append(np.abs(images - originals).mean())
    if path.stem in GROWING and changes[0] > changes[-1]:
        raise ValueError(
            f"{path} is not in the order of {title}: its first images are changed more than its last, and severity 1 "
            "comes first"
        )


def _correlation(a: Array, b: Array) -> float:
    """Mean over images, each (N, pixels), of the correlation of their pixels; an image of one colour counts 0."""
    a, b = a - a.mean(1, keepdims=True), b - b.mean(1, keepdims=True)
    scale = np.sqrt((a * a).sum(1) * (b * b).sum(1))
    return float(((a * b).sum(1) / np.where(scale == 0, 1, scale)).mean())
