"""The figures of a supervised benchmark, in the order of its report."""

from collections.abc import Iterator

from acn_bench.analysis.comparison import Comparison
from acn_bench.benchmarks.supervised.figures import cost, depth, learning, losses, noise, settings
from acn_bench.reports.figures import fronts, pairs, sweeps
from acn_bench.reports.model import Figure

LEAD = ("accuracy",)  # metrics of the first figure, in order of preference


def draw(comparison: Comparison) -> Iterator[Figure | None]:
    """All figures but the first; None where the records have no measurements for one."""
    yield depth.draw(comparison)
    for setting in ("classes", "per_class"):
        yield settings.draw(comparison, setting, "accuracy")
        yield settings.draw(comparison, setting, "utilised_depth")
    yield sweeps.draw(comparison, "accuracy")
    yield losses.draw(comparison)
    yield learning.draw(comparison)
    yield cost.draw(comparison)
    yield fronts.draw(comparison, "accuracy", "truncated_accuracy")
    yield noise.draw(comparison)
    yield pairs.draw(comparison, "utilised_depth")
    yield pairs.draw(comparison, "speed_up")
