"""A whole data set of small images, as tensors in memory."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor
from torch.utils.data import Dataset

from acn_bench.data import loading
from acn_bench.data.data_set import Counts, ImageShape
from acn_bench.spec import Inputs


@dataclass(frozen=True, eq=False)
class ImageData:
    """Both splits of a data set; it meets `DataSet`. Everyone who loads it shares the tensors: never write to them."""

    inputs: ClassVar[Inputs] = "image"

    name: str
    train_images: Tensor  # (N, C, H, W) uint8
    train_labels: Tensor  # (N,) int64, 0 … K-1
    test_images: Tensor  # (M, C, H, W) uint8
    test_labels: Tensor  # (M,) int64
    class_names: tuple[str, ...]  # (K,)
    canonical: bool  # the full original files, so that published figures compare
    flips: bool  # whether a mirrored image keeps its class
    # 12 hex digits: `content_hash` of pixels and labels, and of the experiences where there are any
    fingerprint: str
    # of an Avalanche benchmark: the classes of each experience, whether each has a task label, and whether a
    # class is one experience's part of a class that several share
    experiences: tuple[tuple[int, ...], ...] = ()
    task_labels: bool = False
    shared: bool = False

    @property
    def origin_known(self) -> bool:
        """False for an Avalanche benchmark: it can hold any images."""
        return not self.experiences

    @property
    def counts(self) -> Counts:
        """The number of training and of test images."""
        return Counts(len(self.train_labels), len(self.test_labels))

    @property
    def image_shape(self) -> ImageShape:
        """(C, H, W)."""
        C, H, W = self.train_images.shape[1:]
        return C, H, W

    def datasets(self) -> tuple["ImageDataset", "ImageDataset"]:
        """Training and test split for any pipeline: images in [0, 1] and labels, one by one."""
        return (
            ImageDataset(self.train_images, self.train_labels),
            ImageDataset(self.test_images, self.test_labels),
        )


class ImageDataset(Dataset[tuple[Tensor, int]]):
    """Images (C, H, W) in [0, 1] with their labels; `targets` holds all labels, as Avalanche expects."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images = images  # (N, C, H, W) uint8
        self.targets: list[int] = labels.tolist()

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.images[index] / 255, self.targets[index]


def load(name: str, root: Path | None = None, arguments: dict[str, Any] | None = None) -> ImageData:
    """The images of that name, in memory. Raises as `loading.load`, and ValueError for other data."""
    data = loading.load(name, root, arguments)
    if not isinstance(data, ImageData):
        raise ValueError(f"{name} is not a data set of images in memory")
    return data


def content_hash(*tensors: Tensor) -> str:
    """12 hex digits of the hash of values, types and shapes."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()[:12]
