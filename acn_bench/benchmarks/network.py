"""A run's config -> the untrained model: a backbone and its heads, from the seed of the weights alone."""

from torch import nn

from acn_bench import backbones
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
    network = _network(config, per)
    assert isinstance(network.head, nn.Linear)
    width = network.head.in_features
    classes = [per] * protocol.experiences
    if protocol.heads == "each":
        return MultiHeadRowModel(network, heads(width, classes, seed), rows)
    return RowModel(network, heads(width, [sum(classes)], seed)[0], rows)


def _network(config: RunConfig, num_classes: int) -> nn.Module:
    if isinstance(config.backbone, FactorySpec):
        return backbones.from_factory(config.backbone.factory, num_classes)
    return backbones.from_spec(config.backbone, num_classes, precision=config.precision)
