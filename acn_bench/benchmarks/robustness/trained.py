"""A network that was trained before, and its test images: in memory, or in class folders that are read batch by batch."""

import torch
from torch import Tensor

from acn_bench.benchmarks.robustness.spec import RobustnessConfig
from acn_bench.data.image_folder import ImageFolderData
from acn_bench.data.image_source import open_sources
from acn_bench.data.image_view import View
from acn_bench.data.images import ImageData
from acn_bench.result import RowCounts
from acn_bench.training import trained
from acn_bench.training.row_model import RowModel


class TestData:
    """The part of `device_data.DeviceData` that a measurement needs, of test images alone."""

    __test__ = False  # no test case of pytest

    def __init__(
        self, data: ImageData | ImageFolderData, config: RobustnessConfig, device: torch.device
    ) -> None:
        spec = config.benchmark
        view = View(size=spec.image_size, resized=spec.resized, flip=False)
        _, self.source = open_sources(data, seed=0, device=device, view=view)
        self.device = device
        self.classes = len(data.class_names)
        self.rows = self  # images by row number
        self.epoch = 0
        self.trained = 0  # images that take part in a gradient: none
        self.first_test = 0
        self.labels = data.test_labels.to(device)
        self.test = torch.arange(len(data.test_labels), device=device)
        self.counts = RowCounts(train=0, validation=0, test=len(data.test_labels))

    def augmented(self, rows: Tensor) -> Tensor:
        """As `plain`: nothing is trained."""
        return self.plain(rows)

    def plain(self, rows: Tensor) -> Tensor:
        """Rows (B,) -> images (B, C, H, W), float32 in [0, 1]."""
        with torch.inference_mode(False):  # threads write into the batch
            images = self.source.images(rows, None)
        return images.float().div_(255)


def check(config: RobustnessConfig, data: ImageData | ImageFolderData) -> None:
    """Raise ValueError for a network that cannot take the images, or has other classes."""
    shape = config.benchmark.image_shape(data.image_shape)
    assert shape is not None
    trained.check(config, len(data.class_names), shape)


def row_model(config: RobustnessConfig, data: TestData) -> RowModel:
    """The network with its head; its input is row numbers."""
    return trained.row_model(config, data)
