"""A name and a folder -> a whole data set of small images, as tensors."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset

from acn_bench import registry
from acn_bench.registry import DATA
from acn_bench.spec import Benchmark


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
    (`errors.MissingData`), ValueError where a file is damaged.
    """
    folder = (root or default_root()).expanduser().absolute()
    if ":" in name:
        stream: ImageData = registry.load(registry.USER_DATA.target)(name, folder, arguments or {})
        return stream
    data: ImageData = registry.load(DATA.load(name).reader)(name, folder)
    return data


def of(protocol: Benchmark, root: Path | None = None) -> list[ImageData]:
    """All data sets of a protocol, in its order. Raises as `load`."""
    return [load(name, root, protocol.data_arguments) for name in protocol.datasets]


def fingerprint(data: Sequence[ImageData]) -> str:
    """Of all data sets of a run, in the protocol's order, joined by "+"."""
    return "+".join(d.fingerprint for d in data)


def default_root() -> Path:
    """$ACN_BENCH_DATA, else ~/.cache/acn_bench."""
    return Path(os.environ.get("ACN_BENCH_DATA") or "~/.cache/acn_bench").expanduser()


def content_hash(*tensors: Tensor) -> str:
    """12 hex digits of the hash of values, types and shapes."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()[:12]
