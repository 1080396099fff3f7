"""The figures of a continual benchmark, in the order of its report."""

from collections.abc import Iterator
from functools import partial

from acn_bench.analysis.comparison import Comparison
from acn_bench.benchmarks.continual import tie_table
from acn_bench.benchmarks.continual.figures import curves, layers, matrices, noise
from acn_bench.reports.figures import costs, fronts, pairs, sweeps, ties
from acn_bench.reports.sections.figures import DrawFigure

LEAD = ("forgetting", "average_accuracy")  # metrics of the first figure, in order of preference


def figures(comparison: Comparison) -> Iterator[DrawFigure]:
    """All figures but the first."""
    yield partial(ties.draw, comparison, tie_table.METRIC)
    yield from sweeps.figures(comparison, "forgetting", "average_accuracy")
    yield partial(curves.seen, comparison)
    yield partial(curves.experiences, comparison)
    yield partial(matrices.draw, comparison)
    yield partial(pairs.draw, comparison, "noise_kept")
    yield partial(noise.accuracy, comparison)
    yield partial(pairs.draw, comparison, "robust_forgetting")
    yield partial(noise.forgetting, comparison)
    yield partial(pairs.draw, comparison, "utilised_depth")
    yield partial(curves.depth, comparison)
    yield partial(layers.stream, comparison)
    yield partial(layers.forgetting, comparison)
    yield partial(fronts.draw, comparison, "average_accuracy", "truncated_accuracy")
    yield partial(costs.work, comparison)
    yield partial(costs.time, comparison)
    yield partial(curves.loss, comparison)
