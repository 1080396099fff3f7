"""A continual run -> the untrained model: a backbone and its heads."""

from acn_bench.benchmarks.continual.spec import ContinualConfig
from acn_bench.data.batches import Rows
from acn_bench.strategies.row_models import MultiHeadRowModel
from acn_bench.training.network import seeded
from acn_bench.training.row_model import RowModel, heads


def row_model(config: ContinualConfig, rows: Rows) -> RowModel | MultiHeadRowModel:
    """All heads are there from the start, as wide as their experience; one head is as wide as the stream.

    Sets the global generators.
    """
    protocol, seed = config.benchmark, config.seeds.init
    per = protocol.classes_per_experience
    network, width = seeded(config, per)
    classes = [per] * protocol.experiences
    if protocol.heads == "each":
        return MultiHeadRowModel(network, heads(width, classes, seed), rows)
    return RowModel(network, heads(width, [sum(classes)], seed)[0], rows)
