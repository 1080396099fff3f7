"""One data set of a transfer -> its rows on the device, split into training, held-out and test rows."""

import torch

from acn_bench.benchmarks.transfer.result import RowCounts
from acn_bench.benchmarks.transfer.spec import TransferConfig
from acn_bench.data.batches import Rows
from acn_bench.data.images import ImageData
from acn_bench.data.split import Split, whole


class DataSide:
    """The source or the target of a transfer."""

    def __init__(self, config: TransferConfig, data: ImageData, device: torch.device) -> None:
        protocol = config.benchmark
        self.data = data
        self.split: Split = whole(data, protocol.validation, config.seeds.data)
        self.classes = len(data.class_names)
        self.rows = Rows(
            torch.cat([data.train_images, data.test_images]).to(device),
            seed=config.seeds.data,
            crop_padding=protocol.crop_padding,
            flip=protocol.flip and data.flips,
        )
        first = len(data.train_labels)  # test rows follow the training rows
        self.labels = torch.cat([data.train_labels, data.test_labels]).to(device)
        self.train = self.split.train[0].to(device)
        self.validation = self.split.validation[0].to(device)
        self.test = (self.split.test[0] + first).to(device)

    @property
    def counts(self) -> RowCounts:
        """The number of training, held-out and test rows."""
        return RowCounts(
            train=len(self.train), validation=len(self.validation), test=len(self.test)
        )
