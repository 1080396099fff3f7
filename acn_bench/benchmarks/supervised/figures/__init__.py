"""The figures of a supervised benchmark, in the order of its report."""

from collections.abc import Iterator
from functools import partial

from acn_bench.analysis.comparison import Comparison
from acn_bench.benchmarks.supervised.figures import (
    cost,
    depth,
    gradients,
    learning,
    losses,
    noise,
)
from acn_bench.benchmarks.supervised.figures.settings import CLASSES, PER_CLASS
from acn_bench.reports.figures import fronts, pairs, sweeps
from acn_bench.reports.sections.figures import DrawFigure

LEAD = ("accuracy",)  # metrics of the first figure, in order of preference


def figures(comparison: Comparison) -> Iterator[DrawFigure]:
    """All figures but the first."""
    yield partial(depth.draw, comparison)
    for setting in (CLASSES, PER_CLASS):
        yield partial(sweeps.draw, comparison, "accuracy", setting)
        yield partial(sweeps.draw, comparison, "utilised_depth", setting)
    yield from sweeps.figures(comparison, "accuracy", but=(CLASSES.word, PER_CLASS.word))
    yield partial(losses.draw, comparison)
    yield partial(learning.draw, comparison)
    yield partial(gradients.draw, comparison)
    yield partial(cost.draw, comparison)
    yield partial(fronts.draw, comparison, "accuracy", "truncated_accuracy")
    yield partial(noise.draw, comparison)
    yield partial(pairs.draw, comparison, "utilised_depth")
    yield partial(pairs.draw, comparison, "speed_up")
