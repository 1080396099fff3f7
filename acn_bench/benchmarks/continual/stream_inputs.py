"""The data and the device of a continual run -> its rows, its network, and what depends on the kind of its inputs."""

from typing import Protocol

import torch
from torch import Tensor

from acn_bench.benchmarks.continual.evaluation import corruption
from acn_bench.benchmarks.continual.network import row_model
from acn_bench.benchmarks.continual.spec import ContinualConfig, ContinualSpec
from acn_bench.benchmarks.continual.split import StreamData
from acn_bench.benchmarks.run import Run
from acn_bench.data.batches import Rows
from acn_bench.data.images import ImageData
from acn_bench.evaluation import guards
from acn_bench.result import Guard
from acn_bench.strategies.row_models import MultiHeadRowModel
from acn_bench.training.row_model import RowInputs, RowModel


class StreamInputs(Protocol):
    """Images, or texts."""

    @property
    def data(self) -> StreamData: ...
    @property
    def rows(self) -> RowInputs:
        """Training rows, then test rows."""

    def model(self, config: ContinualConfig) -> RowModel | MultiHeadRowModel:
        """The untrained network of a config. Sets the global generators."""

    def usual(self) -> Tensor:
        """One input, whose pass is counted as the work of an example."""

    def noise(self, config: ContinualConfig) -> Tensor:
        """What the seed of the noise decides; a constant where the inputs have none."""

    def disjoint(self) -> list[Guard]:
        """Nothing that is tested on was trained on."""


class ImageInputs:
    """Images in memory; it meets `StreamInputs`."""

    def __init__(self, run: Run[ContinualSpec, ImageData]) -> None:
        (self.data,), protocol = run.data, run.config.benchmark
        self.rows = Rows(
            torch.cat([self.data.train_images, self.data.test_images]).to(run.device),
            seed=run.config.seeds.data,
            crop_padding=protocol.crop_padding,
            flip=protocol.flip and self.data.flips,
        )

    def model(self, config: ContinualConfig) -> RowModel | MultiHeadRowModel:
        return row_model(config, self.rows)

    def usual(self) -> Tensor:
        return self.rows.plain(torch.tensor([0], device=self.rows.device))

    def noise(self, config: ContinualConfig) -> Tensor:
        """Two images under each noise of the protocol."""
        first = self.data.test_images[:2].float() / 255
        levels = [(n, level) for n, levels in config.benchmark.noise.items() for level in levels]
        noisy = [corruption(*one, config.seeds)(first, indices=torch.arange(2)) for one in levels]
        return torch.cat(noisy) if noisy else first

    def disjoint(self) -> list[Guard]:
        return [guards.train_and_test_disjoint([self.data], self.data)]
