"""The figures of a robustness benchmark, in the order of its report."""

from collections.abc import Iterator
from functools import partial

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
from acn_bench.reports.sections.figures import DrawFigure

# metrics of the first figure, in order of preference
LEAD = ("corrupted_kept", "gaussian_kept", "clean_accuracy")


def figures(comparison: Comparison) -> Iterator[DrawFigure]:
    """All figures but the first."""
    yield partial(pairs.draw, comparison, "gaussian_kept")
    yield from sweeps.figures(comparison, "corrupted_accuracy")
    yield partial(noise.draw, comparison)
    yield partial(corruptions.draw, comparison)
    yield partial(examples.draw, comparison)
    yield partial(clean.draw, comparison)
    yield partial(depth.draw, comparison)
    yield partial(reliability.draw, comparison)
    yield partial(fronts.draw, comparison, "clean_accuracy", "truncated_accuracy")
    yield partial(pairs.draw, comparison, "utilised_depth")
