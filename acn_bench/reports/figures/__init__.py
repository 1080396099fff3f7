"""Comparison -> [Drawing]: the figures of a report, in its order, as SVG text."""

from collections.abc import Callable, Iterator

from acn_bench.analysis.comparison import Comparison
from acn_bench.benchmarks.continual.figures import curves, layers, matrices, noise
from acn_bench.benchmarks.transfer import figures
from acn_bench.reports.figures import costs, pairs, sweeps
from acn_bench.reports.figures.style import Drawing


def lead_figure(comparison: Comparison) -> Drawing | None:
    """The figure that a reader sees first: one metric, seed by seed."""
    names = _KINDS[comparison.records[0].config.benchmark.kind][0]
    drawn = (pairs.draw(comparison, name) for name in names)
    return next((figure for figure in drawn if figure is not None), None)


def draw(comparison: Comparison) -> list[Drawing]:
    """All figures but the first; those that the records have no measurements for are left out."""
    drawn = _KINDS[comparison.records[0].config.benchmark.kind][1]
    return [figure for figure in drawn(comparison) if figure is not None]


def _continual(comparison: Comparison) -> Iterator[Drawing | None]:
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
    yield costs.work(comparison)
    yield costs.time(comparison)
    yield curves.loss(comparison)


def _transfer(comparison: Comparison) -> Iterator[Drawing | None]:
    yield sweeps.draw(comparison, "finetuned_accuracy")
    yield pairs.draw(comparison, "finetuned_cut_accuracy")
    yield pairs.draw(comparison, "probe_accuracy")
    yield pairs.draw(comparison, "source_accuracy")
    yield figures.epochs(comparison)
    yield figures.depths(comparison)
    yield pairs.draw(comparison, "cut_depth")


# kind -> metrics of the first figure, in order of preference; the other figures
_KINDS: dict[str, tuple[tuple[str, ...], Callable[[Comparison], Iterator[Drawing | None]]]] = {
    "continual": (("forgetting", "average_accuracy"), _continual),
    "transfer": (("finetuned_accuracy",), _transfer),
}
