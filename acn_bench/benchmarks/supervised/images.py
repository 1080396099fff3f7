"""A data set in memory or in files, and the settings of its views -> images by row; test rows follow the training rows."""

import torch
from torch import Tensor

from acn_bench.benchmarks.supervised.spec import SupervisedSpec
from acn_bench.data.data_set import DataSet
from acn_bench.data.image_source import open_sources
from acn_bench.data.image_view import View
from acn_bench.data.memory_source import MemoryView


class RunImages:
    """The images of a run on its device. A test row is its number in the test set plus `first_test`."""

    def __init__(
        self, data: DataSet, spec: SupervisedSpec, seed: int, device: torch.device
    ) -> None:
        """`seed` is that of the data: it augments."""
        self.device = device
        self.train, self.test = open_sources(
            data,
            seed=seed,
            device=device,
            view=View(
                size=spec.image_size, resized=spec.resized, scale=spec.crop_scale, flip=spec.flip
            ),
            memory_view=MemoryView(
                crop_padding=spec.crop_padding, crops=spec.crops, flip=spec.flip
            ),
            damaged=spec.damaged,
        )

    def training(self, rows: Tensor, epoch: int) -> Tensor:
        """Training rows (B,) -> augmented images (B, C, H, W), uint8."""
        return self.train.images(rows, epoch)

    def readable(self, rows: Tensor) -> Tensor:
        """Training rows (B,) whose images were asked for -> (B,) bool, on the CPU."""
        return self.train.readable(rows)

    def plain(self, rows: Tensor) -> Tensor:
        """Training rows (B,) -> images (B, C, H, W) in [0, 1], as tests see them."""
        return unit(self.train.images(rows, None))

    def tested(self, rows: Tensor) -> Tensor:
        """Rows of the test set (B,) -> images (B, C, H, W) in [0, 1]."""
        return unit(self.test.images(rows, None))

    @property
    def skipped(self) -> int:
        """Damaged images so far."""
        return len(self.train.damage) + len(self.test.damage)


def unit(images: Tensor) -> Tensor:
    """Bytes -> floats in [0, 1]."""
    return images.float().div_(255)
