"""A data set -> its rows on the device, split into training, held-out and test rows."""

from typing import Protocol

import torch

from acn_bench.data.batches import Rows
from acn_bench.data.images import ImageData
from acn_bench.data.split import Split, whole
from acn_bench.result import RowCounts


class ImageTraining(Protocol):
    """The settings of a protocol that decide the split and the augmentation."""

    @property
    def validation(self) -> float: ...
    @property
    def crop_padding(self) -> int: ...
    @property
    def flip(self) -> bool: ...


class DeviceData:
    """One data set of a run."""

    def __init__(
        self, data: ImageData, protocol: ImageTraining, seed: int, device: torch.device
    ) -> None:
        """`seed` is that of the data: it chooses the held-out rows, and augments."""
        self.images = data
        self.split: Split = whole(data, protocol.validation, seed)
        self.classes = len(data.class_names)
        self.rows = Rows(
            torch.cat([data.train_images, data.test_images]).to(device),
            seed=seed,
            crop_padding=protocol.crop_padding,
            flip=protocol.flip and data.flips,
        )
        self.first_test = len(data.train_labels)  # test rows follow the training rows
        self.labels = torch.cat([data.train_labels, data.test_labels]).to(device)
        self.train = self.split.train[0].to(device)
        self.validation = self.split.validation[0].to(device)
        self.test = (self.split.test[0] + self.first_test).to(device)

    @property
    def counts(self) -> RowCounts:
        """The number of training, held-out and test rows."""
        return RowCounts(
            train=len(self.train), validation=len(self.validation), test=len(self.test)
        )
