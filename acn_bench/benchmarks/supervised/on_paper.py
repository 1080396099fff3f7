"""The config of a run -> its training without data, for a plan of memory, FLOPs and communication."""

import torch
from torch import Tensor, nn

from acn_bench.backbones import Backbone
from acn_bench.benchmarks.supervised.network import training_scheme, untrained
from acn_bench.benchmarks.supervised.recipe import recipe
from acn_bench.benchmarks.supervised.spec import SupervisedConfig
from acn_bench.data.data_set import ImageShape
from acn_bench.data.prefetching import AHEAD
from acn_bench.training.memory_plan import PaperTraining
from acn_bench.training.schemes import DepthScheme

Batch = tuple[Tensor, Tensor]  # images (B, C, H, W) in [0, 1]; labels (B,) or probabilities (B, K)


def training(
    config: SupervisedConfig, rows: int, classes: int, shape: ImageShape | None
) -> PaperTraining:
    """The training on so many rows; `shape` is that of images in memory, None for files.

    No block is dropped: that takes the most memory.
    """
    spec = config.benchmark
    image, used = spec.image_shape(shape), training_scheme(spec)
    assert image is not None
    made = 1 if shape else 1 + AHEAD  # batches on the device at a time

    def batch(count: int) -> list[Batch]:
        return [_batch(count, image, classes, mixed=spec.cutmix + spec.mixup > 0) for _ in range(made)]  # fmt: skip

    def loss(network: nn.Module, batches: list[Batch]) -> Tensor:
        images, targets = batches[0]
        if isinstance(used, DepthScheme):
            assert isinstance(network, Backbone)  # the plan refuses others
            if used.weights(network.depth)[-1] == 1:
                return used.criterion(network(images), targets)
            return used.of_depths(network.forward_depths(images), targets)
        return used.loss(network, images, targets)

    return PaperTraining(lambda: untrained(config, classes), batch, loss, recipe(config, rows), rows)  # fmt: skip


def _batch(count: int, shape: ImageShape, classes: int, *, mixed: bool) -> Batch:
    targets = torch.zeros(count, classes) if mixed else torch.zeros(count, dtype=torch.int64)
    return torch.zeros(count, *shape), targets
