"""The figures of a continual benchmark, in the order of its report."""

from collections.abc import Iterator

from acn_bench.analysis.comparison import Comparison
from acn_bench.benchmarks.continual import tie_table
from acn_bench.benchmarks.continual.figures import curves, layers, matrices, noise
from acn_bench.reports.figures import costs, fronts, pairs, sweeps, ties
from acn_bench.reports.model import Figure

LEAD = ("forgetting", "average_accuracy")  # metrics of the first figure, in order of preference


def draw(comparison: Comparison) -> Iterator[Figure | None]:
    """All figures but the first; None where the records have no measurements for one."""
    yield ties.draw(comparison, tie_table.METRIC)
    yield sweeps.draw(comparison, "forgetting")
    yield sweeps.draw(comparison, "average_accuracy")
    yield curves.seen(comparison)
    yield curves.experiences(comparison)
    yield matrices.draw(comparison)
    yield pairs.draw(comparison, "noise_kept")
    yield noise.accuracy(comparison)
    yield pairs.draw(comparison, "robust_forgetting")
    yield noise.forgetting(comparison)
    yield pairs.draw(comparison, "utilised_depth")
    yield curves.depth(comparison)
    yield layers.stream(comparison)
    yield layers.forgetting(comparison)
    yield fronts.draw(comparison, "average_accuracy", "truncated_accuracy")
    yield costs.work(comparison)
    yield costs.time(comparison)
    yield curves.loss(comparison)
