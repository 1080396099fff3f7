"""A data set in memory or in files, and the settings of its views -> images by row, and the rows that are trained on."""

import torch
from torch import Tensor

from acn_bench.benchmarks.supervised.spec import SupervisedSpec
from acn_bench.data.data_set import DataSet
from acn_bench.data.image_source import ImageSource, open_sources
from acn_bench.data.image_view import View
from acn_bench.data.memory_source import MemoryView


class RunImages:
    """The images of a run on its device: its training set, of which some rows are held out, and its test set."""

    def __init__(
        self, data: DataSet, spec: SupervisedSpec, seed: int, device: torch.device
    ) -> None:
        """`seed` is that of the data: it crops and mirrors."""
        crops, size = spec.crop_padding, spec.image_size
        self.train, self.test = open_sources(
            data,
            seed=seed,
            device=device,
            view=View(size=size, resized=spec.resized, scale=spec.crop_scale, flip=spec.flip),
            memory_view=MemoryView(crop_padding=crops, crops=spec.crops, flip=spec.flip),
            damaged=spec.damaged,
        )


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

    def damaged(self) -> Tensor:
        """(N,) bool: which of the rows this process found damaged."""
        return torch.isin(self.rows, torch.tensor(list(self.damage), dtype=torch.int64))
