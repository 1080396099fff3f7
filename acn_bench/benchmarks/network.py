"""A run's config -> the untrained model: a backbone and its heads, from the seed of the weights alone."""

from torch import nn

from acn_bench import backbones
from acn_bench.backbones.backbone import MEAN, STD
from acn_bench.data.batches import Rows
from acn_bench.spec import FactorySpec, RunConfig
from acn_bench.strategies.chance import seed_everything
from acn_bench.strategies.model import MultiHeadRowModel, RowModel, heads


def row_model(config: RunConfig, rows: Rows) -> RowModel | MultiHeadRowModel:
    """All heads are there from the start, as wide as their experience; one head is as wide as the stream.

    Sets the global generators.
    """
    protocol, seed = config.continual, config.seeds.init
    per = protocol.classes_per_experience
    seed_everything("backbone", seed)
    network = untrained(config, per)
    assert isinstance(network.head, nn.Linear)
    width = network.head.in_features
    classes = [per] * protocol.experiences
    if protocol.heads == "each":
        return MultiHeadRowModel(network, heads(width, classes, seed), rows)
    return RowModel(network, heads(width, [sum(classes)], seed)[0], rows)


def one_head(config: RunConfig, classes: int, rows: Rows) -> RowModel:
    """The untrained network with one head of all classes. Sets the global generators."""
    seed = config.seeds.init
    seed_everything("backbone", seed)
    network = untrained(config, classes)
    assert isinstance(network.head, nn.Linear)
    return RowModel(network, heads(network.head.in_features, [classes], seed)[0], rows)


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
