"""A data set in memory or in files, and the settings of its views -> images by row, and the rows that are trained on."""

import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from acn_bench.benchmarks.supervised.spec import SupervisedSpec
from acn_bench.data.augmentations.autoaugment import AutoAugment
from acn_bench.data.augmentations.randaugment import RandAugment
from acn_bench.data.data_set import DataSet
from acn_bench.data.epoch_source import EpochSource
from acn_bench.data.image_cache import open_cache
from acn_bench.data.image_folder import ImageFolderData
from acn_bench.data.image_source import ImageSource, open_sources
from acn_bench.data.image_view import View
from acn_bench.data.images import ImageData
from acn_bench.data.memory_source import MemorySource, MemoryView
from acn_bench.data.prefetching import AHEAD
from acn_bench.training import distributed

Policy = AutoAugment | RandAugment


class RunImages:
    """The images of a run on its device: its training set, of which some rows are held out, and its test set."""

    def __init__(
        self, data: DataSet, spec: SupervisedSpec, seed: int, device: torch.device
    ) -> None:
        """`seed` is that of the data: it crops and mirrors."""
        self.data, self.seed, self.device = data, seed, device
        self.memory_view = MemoryView(
            crop_padding=spec.crop_padding, crops=spec.crops, flip=spec.flip
        )
        size = spec.image_size
        self.train, self.test = open_sources(
            data,
            seed=seed,
            device=device,
            view=View(size=size, resized=spec.resized, scale=spec.crop_scale, flip=spec.flip),
            memory_view=self.memory_view,
            damaged=spec.damaged,
            cache=cache_folder(data) if spec.cached else None,
        )

    @property
    def ahead(self) -> int:
        """Training steps whose images are read while another one is computed; 0 where they are in memory."""
        return 0 if isinstance(self.data, ImageData) else AHEAD

    def trained(
        self, rows: Tensor, labels: Tensor, policy: Policy | None
    ) -> "TrainingRows | MemorySource | EpochSource":
        """The source of the training rows (N,), numbered from 0, with their labels (N,), both on the CPU.

        Of images in memory a process that is alone makes those of an epoch at once, the policy included.
        """
        if not isinstance(self.data, ImageData):
            return TrainingRows(self.train, rows, labels)
        pixels = self.data.train_images[rows]
        source = MemorySource(pixels, labels, self.memory_view, seed=self.seed, device=self.device)
        alone = distributed.current().size == 1
        return EpochSource(source, policy) if policy is not None and alone else source


def prepare_cache(
    data: DataSet, spec: SupervisedSpec, report: Callable[[int, int], None] | None = None
) -> None:
    """Make the caches of both splits, where a run reads them. Raises as `image_cache.open_cache`."""
    folder = cache_folder(data) if spec.cached else None
    if folder is None or not isinstance(data, ImageFolderData):
        return
    for split in (data.train, data.test):
        open_cache(split, folder, spec.resized, spec.damaged, report)


def cache_folder(data: DataSet) -> Path | None:
    """$ACN_BENCH_CACHE, else a folder below the data root; None for images in memory."""
    if not isinstance(data, ImageFolderData):
        return None
    below_root = data.train.folder.parent.parent / ".acn_bench" / "squares"
    return Path(os.environ.get("ACN_BENCH_CACHE") or below_root).expanduser()


class TrainingRows:
    """The rows that are trained on, numbered from 0; it meets `data.image_source.ImageSource`.

    No other row is ever mixed into an image: not one that is held out.
    """

    def __init__(self, source: ImageSource, rows: Tensor, labels: Tensor) -> None:
        """`rows` (N,) of the source and their `labels` (N,), both on the CPU."""
        self.source = source
        self.rows = rows
        self.labels = labels
        self.damage = source.damage  # by row of the source

    def images(self, rows: Tensor, epoch: int | None) -> Tensor:
        """(B,) -> (B, C, H, W) uint8 on the device."""
        return self.source.images(self.rows[rows], epoch)

    def readable(self, rows: Tensor) -> Tensor:
        """(B,) -> (B,) bool."""
        return self.source.readable(self.rows[rows])
