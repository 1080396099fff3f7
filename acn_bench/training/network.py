"""A run's config -> its untrained network. The weights depend on the seed `init` alone."""

from torch import nn

from acn_bench import backbones
from acn_bench.backbones.patches import MEAN, STD
from acn_bench.config import RunConfig
from acn_bench.data.batches import Rows
from acn_bench.data.generators import seed_everything
from acn_bench.spec import Backbone
from acn_bench.training.row_model import RowModel, heads


def one_head(config: RunConfig, classes: int, rows: Rows) -> RowModel:
    """The untrained single-head network of `classes` classes. Seeds the global generators."""
    network, width = seeded(config, classes)
    return RowModel(network, heads(width, [classes], config.seeds.init)[0], rows)


def seeded(config: RunConfig, num_classes: int) -> tuple[nn.Module, int]:
    """The untrained network from the run's seed, and D, the width of its head's input."""
    seed_everything("backbone", config.seeds.init)
    network = untrained(config, num_classes)
    assert isinstance(network.head, nn.Linear)
    return network, network.head.in_features


def untrained(config: RunConfig, num_classes: int) -> nn.Module:
    """The network with a head of `num_classes`. Draws weights from torch's global generator."""
    if config.backbone.function is not None:
        return backbones.from_factory(config.backbone.function, num_classes)
    assert isinstance(config.backbone, Backbone)
    # MEAN and STD are equal for all channels, so that grey images can use the first
    channels = getattr(config.backbone, "in_channels", len(MEAN))
    mean, std = MEAN[:1] * channels, STD[:1] * channels
    return backbones.from_spec(
        config.backbone, num_classes, mean=mean, std=std, precision=config.precision
    )
