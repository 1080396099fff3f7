"""The figures of a robustness benchmark, in the order of its report."""

from collections.abc import Iterator

from acn_bench.analysis.comparison import Comparison
from acn_bench.benchmarks.robustness.figures import (
    clean,
    corruptions,
    depth,
    examples,
    noise,
    reliability,
)
from acn_bench.reports.figures import fronts, pairs, sweeps
from acn_bench.reports.model import Figure

# metrics of the first figure, in order of preference
LEAD = ("corrupted_kept", "gaussian_kept", "clean_accuracy")


def draw(comparison: Comparison) -> Iterator[Figure | None]:
    """All figures but the first; None where the records have no measurements for one."""
    yield pairs.draw(comparison, "gaussian_kept")
    yield sweeps.draw(comparison, "corrupted_accuracy")
    yield noise.draw(comparison)
    yield corruptions.draw(comparison)
    yield examples.draw(comparison)
    yield clean.draw(comparison)
    yield depth.draw(comparison)
    yield reliability.draw(comparison)
    yield fronts.draw(comparison, "clean_accuracy", "truncated_accuracy")
    yield pairs.draw(comparison, "utilised_depth")
