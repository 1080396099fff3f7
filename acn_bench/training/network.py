"""A run's config -> its untrained network, from the seed of the weights alone."""

from torch import nn

from acn_bench import backbones
from acn_bench.backbones.patches import MEAN, STD
from acn_bench.config import RunConfig
from acn_bench.data.batches import Rows
from acn_bench.data.generators import seed_everything
from acn_bench.spec import Backbone
from acn_bench.training.row_model import RowModel, heads


def one_head(config: RunConfig, classes: int, rows: Rows) -> RowModel:
    """The untrained network with one head of all classes. Sets the global generators."""
    network, width = seeded(config, classes)
    return RowModel(network, heads(width, [classes], config.seeds.init)[0], rows)


def seeded(config: RunConfig, num_classes: int) -> tuple[nn.Module, int]:
    """The network of the run's seed, and how wide what its head reads is."""
    seed_everything("backbone", config.seeds.init)
    network = untrained(config, num_classes)
    assert isinstance(network.head, nn.Linear)
    return network, network.head.in_features


def untrained(config: RunConfig, num_classes: int) -> nn.Module:
    """The network with a head so wide; draws its weights from torch's global generator."""
    if config.backbone.function is not None:
        return backbones.from_factory(config.backbone.function, num_classes)
    assert isinstance(config.backbone, Backbone)
    # the statistics are the same for every channel: grey images have one of them
    channels = getattr(config.backbone, "in_channels", len(MEAN))
    mean, std = MEAN[:1] * channels, STD[:1] * channels
    return backbones.from_spec(
        config.backbone, num_classes, mean=mean, std=std, precision=config.precision
    )
