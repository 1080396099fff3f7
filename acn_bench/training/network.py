"""A run's config -> the untrained model: a backbone and its heads, from the seed of the weights alone."""

from torch import nn

from acn_bench import backbones
from acn_bench.backbones.backbone import MEAN, STD
from acn_bench.data.batches import Rows
from acn_bench.spec import FactorySpec, RunConfig
from acn_bench.strategies.row_models import MultiHeadRowModel, RowModel, heads
from acn_bench.strategies.seeding import seed_everything


def row_model(config: RunConfig, rows: Rows) -> RowModel | MultiHeadRowModel:
    """All heads are there from the start, as wide as their experience; one head is as wide as the stream.

    Sets the global generators.
    """
    protocol, seed = config.continual, config.seeds.init
    per = protocol.classes_per_experience
    network, width = _drawn(config, per)
    classes = [per] * protocol.experiences
    if protocol.heads == "each":
        return MultiHeadRowModel(network, heads(width, classes, seed), rows)
    return RowModel(network, heads(width, [sum(classes)], seed)[0], rows)


def one_head(config: RunConfig, classes: int, rows: Rows) -> RowModel:
    """The untrained network with one head of all classes. Sets the global generators."""
    network, width = _drawn(config, classes)
    return RowModel(network, heads(width, [classes], config.seeds.init)[0], rows)


def _drawn(config: RunConfig, num_classes: int) -> tuple[nn.Module, int]:
    """The network of the run's seed, and how wide what its head reads is."""
    seed_everything("backbone", config.seeds.init)
    network = untrained(config, num_classes)
    assert isinstance(network.head, nn.Linear)
    return network, network.head.in_features


def untrained(config: RunConfig, num_classes: int) -> nn.Module:
    """The network with a head so wide; draws its weights from torch's global generator."""
    if isinstance(config.backbone, FactorySpec):
        return backbones.from_factory(config.backbone.factory, num_classes)
    # the statistics are the same for every channel: grey images have one of them
    channels = getattr(config.backbone, "in_channels", len(MEAN))
    mean, std = MEAN[:1] * channels, STD[:1] * channels
    return backbones.from_spec(
        config.backbone, num_classes, mean=mean, std=std, precision=config.precision
    )
