"""A name and a folder -> a whole data set of small images, as tensors."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from acn_bench.catalog import closest
from acn_bench.data import cifar, digits, streams
from acn_bench.spec import BenchmarkSpec, ContinualSpec

NAMES: tuple[str, ...] = ("cifar10", "cifar100", "digits10", "digits100")


@dataclass(frozen=True, eq=False)
class ImageData:
    """Both splits of a data set. The tensors are shared by everyone who loads it: never write to them."""

    name: str
    train_images: Tensor  # (N, 3, 32, 32) uint8
    train_labels: Tensor  # (N,) int64, 0 … K-1
    test_images: Tensor  # (M, 3, 32, 32) uint8
    test_labels: Tensor  # (M,) int64
    class_names: tuple[str, ...]  # (K,)
    canonical: bool  # the full original files, so that published figures compare
    flips: bool  # whether a mirrored image is still of its class
    # 12 hex digits of the hash of pixels, labels and shapes; and of the experiences
    fingerprint: str
    # where the data came as a stream: the classes of each experience, whether each has a task label, and
    # whether a class is one experience's part of a class that others have, too
    experiences: tuple[tuple[int, ...], ...] = ()
    task_labels: bool = False
    shared: bool = False

    def datasets(self) -> tuple["ImageDataset", "ImageDataset"]:
        """Training and test side as any pipeline takes them: images in [0, 1] and labels, one by one."""
        return (
            ImageDataset(self.train_images, self.train_labels),
            ImageDataset(self.test_images, self.test_labels),
        )


class ImageDataset(Dataset[tuple[Tensor, int]]):
    """Images (3, 32, 32) in [0, 1] with their labels; all labels are `targets`, where Avalanche looks."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images = images  # (N, 3, 32, 32) uint8
        self.targets: list[int] = labels.tolist()

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.images[index] / 255, self.targets[index]


def load(name: str, root: Path | None = None, arguments: dict[str, Any] | None = None) -> ImageData:
    """The data set of that name, read from `root` (default: `default_root()`) once in a process.

    `pkg.module:function` makes an Avalanche benchmark, called with `arguments`.

    Raises LookupError where the name is unknown or the files are absent and cannot be downloaded
    (`cifar.MissingData`), ValueError where a file is damaged.
    """
    if ":" in name:
        asked = json.dumps(arguments or {}, sort_keys=True)
        return _stream(name, asked, (root or default_root()).expanduser().absolute())
    if name not in NAMES:
        raise LookupError(f"unknown data {name!r}. {closest(name, NAMES)}")
    if name in digits.NAMES:
        return _embedded(name)
    return _cifar(name, (root or default_root()).expanduser().absolute())


def of(protocol: BenchmarkSpec, root: Path | None = None) -> list[ImageData]:
    """All data sets of a protocol, in its order. Raises as `load`."""
    arguments = protocol.arguments if isinstance(protocol, ContinualSpec) else None
    return [load(name, root, arguments) for name in protocol.datasets]


def fingerprint(data: Sequence[ImageData]) -> str:
    """Of all data sets of a run, in the protocol's order, joined by "+"."""
    return "+".join(d.fingerprint for d in data)


def default_root() -> Path:
    """$ACN_BENCH_DATA, else ~/.cache/acn_bench."""
    return Path(os.environ.get("ACN_BENCH_DATA") or "~/.cache/acn_bench").expanduser()


@lru_cache
def _cifar(name: str, root: Path) -> ImageData:
    data = cifar.read(name, root)
    return ImageData(
        name,
        *data.train,
        *data.test,
        class_names=data.class_names,
        canonical=data.canonical,
        flips=True,
        fingerprint=_fingerprint(*data.train, *data.test),
    )


@lru_cache
def _stream(name: str, arguments: str, root: Path) -> ImageData:
    made = streams.read(name, json.loads(arguments), root)
    order = [torch.tensor(own) for own in made.experiences]
    return ImageData(
        name,
        *made.train,
        *made.test,
        class_names=made.class_names,
        canonical=False,
        flips=True,
        fingerprint=_fingerprint(*made.train, *made.test, *order),
        experiences=made.experiences,
        task_labels=made.task_labels,
        shared=made.shared,
    )


@lru_cache
def _embedded(name: str) -> ImageData:
    train, test = digits.read(name)
    return ImageData(
        name,
        *train,
        *test,
        class_names=digits.class_names(name),
        canonical=False,
        flips=False,
        fingerprint=_fingerprint(*train, *test),
    )


def _fingerprint(*tensors: Tensor) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()[:12]
