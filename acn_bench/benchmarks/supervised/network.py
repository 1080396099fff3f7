"""A run's config -> its untrained network, and the loss of a batch by the scheme of its card."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from acn_bench.backbones import Backbone, add_branches
from acn_bench.backbones.backbone import ImageBackbone
from acn_bench.backbones.dropping import Dropping
from acn_bench.benchmarks.supervised.spec import SupervisedConfig, SupervisedSpec
from acn_bench.data.counter import uniform
from acn_bench.data.generators import seed_everything
from acn_bench.training.network import seeded
from acn_bench.training.row_model import heads
from acn_bench.training.schemes import DepthScheme, Scheme, dropped, scheme

# mean and standard deviation of the pixels in [0, 1]; "half" is that of every other network of the package
STATISTICS = {
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


def untrained(config: SupervisedConfig, classes: int) -> nn.Module:
    """The untrained network, images in [0, 1] -> logits (B, K). Its weights depend on the seed `init` alone."""
    spec, seed = config.benchmark, config.seeds.init
    network, width = seeded(config, classes)
    network.head = heads(width, [classes], seed)[0]
    if spec.scheme == "branches":
        assert isinstance(network, Backbone)  # the plan refuses others
        seed_everything("branches", seed)
        add_branches(network, spec.branches)
    if spec.normalisation in STATISTICS and isinstance(network, ImageBackbone):
        _normalise(network, *STATISTICS[spec.normalisation])
    return network


def _normalise(network: ImageBackbone, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    """Set the statistics; grey images take their means over the channels."""
    for buffer, values in ((network.normalise.mean, mean), (network.normalise.std, std)):
        assert isinstance(buffer, Tensor)
        of_channels = torch.tensor(values).view(-1, 1, 1)
        buffer.copy_(of_channels if len(buffer) == len(values) else of_channels.mean())


def summed_loss(
    network: nn.Module,
    used: Scheme,
    images: Tensor,
    targets: Tensor,
    rows: Tensor,
    step: tuple[int, int],
    seed: int,
) -> Tensor:
    """The loss of a batch by a scheme, summed over its images.

    images (B, C, H, W) in [0, 1]; targets (B,) labels or (B, K) probabilities; rows (B,) on the CPU; `step` and how
    many there are.
    """
    if not isinstance(used, DepthScheme):
        return used.loss(network, images, targets, *step)
    assert isinstance(network, Backbone)  # the plan refuses others
    drawn = used.dropping(network.depth, *step)
    if drawn is not None:
        drawn = RowDropping(drawn.rates, drawn.per_example, seed=seed, step=step[0], rows=rows)
    with dropped(network, drawn):
        if used.weights(network.depth, step[0])[-1] == 1:
            return used.criterion(network(images), targets)
        return used.of_depths(network.forward_depths(images), targets, step[0])


@dataclass(frozen=True)
class RowDropping(Dropping):
    """Draws by (seed, step, row): neither the batch nor the process of an image matters."""

    seed: int = field(kw_only=True)
    step: int = field(kw_only=True)
    rows: Tensor = field(kw_only=True)

    def draw(self, examples: int) -> Tensor:
        layers = torch.arange(len(self.rates)).unsqueeze(1)
        rows = self.rows if self.per_example else torch.zeros(1, dtype=torch.int64)
        drawn = uniform("drop blocks", self.seed, self.step, layers, rows)
        return (drawn >= torch.tensor(self.rates).view(-1, 1)).expand(-1, examples)


@dataclass(frozen=True, kw_only=True)
class DropPath(DepthScheme):
    """The loss of the output; whole blocks are dropped per image, at rates that rise linearly over the blocks.

    Stochastic depth (Huang et al. 2016), by the rule of `backbones.dropping`: outputs are not rescaled.
    """

    rate: float  # of the last block; the first has 0

    def dropping(self, depth: int, step: int = 0, total_steps: int | None = None) -> Dropping:
        return Dropping(tuple(self.rate * k / max(depth - 1, 1) for k in range(depth)))


def training_scheme(spec: SupervisedSpec) -> Scheme:
    """The scheme of a card; its criterion sums over the batch and smooths labels."""
    criterion = SummedCrossEntropy(spec.label_smoothing)
    if spec.scheme == "branches":
        return scheme("branches", criterion=criterion, exit_weights=spec.branch_weights)
    if spec.drop_path:
        return DropPath(rate=spec.drop_path, criterion=criterion)
    return scheme(spec.scheme, criterion=criterion)


@dataclass(frozen=True)
class SummedCrossEntropy:
    """Logits (B, K) and labels (B,) or probabilities (B, K) -> the sum of their cross-entropies."""

    smoothing: float = 0.0

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(
            logits, targets, reduction="sum", label_smoothing=self.smoothing
        )
