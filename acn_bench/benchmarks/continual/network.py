"""A continual run -> the untrained model: a backbone and its heads."""

from acn_bench.benchmarks.continual.spec import ContinualConfig
from acn_bench.data.batches import Rows
from acn_bench.strategies.row_models import MultiHeadRowModel
from acn_bench.training.network import seeded
from acn_bench.training.row_model import RowModel, heads


def row_model(config: ContinualConfig, rows: Rows) -> RowModel | MultiHeadRowModel:
    """Multi-head: a head for each experience, from the start; single head: one head of all classes.

    Sets the global generators.
    """
    protocol, seed = config.benchmark, config.seeds.init
    network, width = seeded(config, protocol.classes_per_experience)
    classes = [protocol.classes_per_experience] * protocol.experiences
    if protocol.heads == "each":
        return MultiHeadRowModel(network, heads(width, classes, seed), rows)
    return RowModel(network, heads(width, [sum(classes)], seed)[0], rows)
