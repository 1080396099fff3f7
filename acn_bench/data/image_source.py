"""A loaded data set of images -> batches of uint8 images by row number, in memory or from files alike.

An image depends on (seed, epoch, row) alone: neither on the batch, nor on the order, nor on threads.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor

from acn_bench.data.data_set import DataSet
from acn_bench.data.file_source import FileSource, Photographs
from acn_bench.data.image_cache import open_cache
from acn_bench.data.image_folder import FolderSplit, ImageFolderData
from acn_bench.data.image_view import View
from acn_bench.data.images import ImageData
from acn_bench.data.memory_source import MemorySource, MemoryView

Progress = Callable[[int, int], None]  # images done, images in all
Damaged = Literal["stop", "skip"]


class ImageSource(Protocol):
    """One split of a data set."""

    labels: Tensor  # (N,) int64, on the CPU
    damage: dict[
        int, str
    ]  # row -> what is wrong with its file, of the rows that were asked for; empty in memory

    def images(self, rows: Tensor, epoch: int | None) -> Tensor:
        """Rows (B,) -> (B, C, size, size) uint8 on the device; epoch None: the test view.

        Raises DamagedImageError where a file is damaged and damaged files stop the run; where they are skipped, such
        an image is black, and `readable` is False for its row.
        """

    def readable(self, rows: Tensor) -> Tensor:
        """Rows (B,) that `images` returned -> (B,) bool, on the CPU: False where the file is damaged."""


def open_sources(
    data: DataSet,
    *,
    seed: int,
    device: torch.device,
    view: View | None = None,
    memory_view: MemoryView | None = None,
    damaged: Damaged = "stop",
    cache: Path | None = None,
    progress: Progress | None = None,
    workers: int | None = None,
) -> tuple[ImageSource, ImageSource]:
    """The training and the test split of a data set of images.

    `view` is for folders, `memory_view` for images in memory; each has a default. `cache` is the folder of the
    uint8 cache, made where it is absent; `progress` then counts its images. `workers` is the number of threads,
    by default this process's share of the cores.

    Raises ValueError for another kind of data, and as `image_cache.open_cache`.
    """
    if isinstance(data, ImageData):
        seen = memory_view or MemoryView(flip=data.flips)
        return (
            MemorySource(data.train_images, data.train_labels, seen, seed=seed, device=device),
            MemorySource(data.test_images, data.test_labels, seen, seed=seed, device=device),
        )
    if not isinstance(data, ImageFolderData):
        raise ValueError(f"{data.name} is no data set of images: it is a {type(data).__name__}")
    shape = view or View(flip=data.flips)

    def source(split: FolderSplit) -> FileSource:
        pixels: Photographs = split
        if cache is not None:
            pixels = open_cache(split, cache, shape.resized, damaged, progress, workers)
        return FileSource(pixels, shape, seed=seed, device=device, damaged=damaged, workers=workers)

    return source(data.train), source(data.test)
