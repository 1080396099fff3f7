"""Comparison -> line charts against the level of each corruption: accuracy at the end, and forgetting."""

from collections.abc import Callable
from dataclasses import dataclass

from acn_bench import metrics
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Arm, Group
from acn_bench.benchmarks.continual import definitions, noise_metrics
from acn_bench.benchmarks.continual.result import Matrix
from acn_bench.record import Record
from acn_bench.reports.figures import grid, panels
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.figures.panels import SHADE, Series
from acn_bench.reports.model import Drawing, Figure

_AXES = {  # corruption -> what its level is
    "gaussian": "standard deviation σ of the noise, pixels in [0, 1]",
    "salt_and_pepper": "share of pixels altered",
}


@dataclass(frozen=True)
class _Measured:
    """One number of each accuracy matrix, clean or noisy."""

    of: Callable[[Matrix], float | None]
    word: str
    is_accuracy: bool


_ACCURACY = _Measured(metrics.average_accuracy, "accuracy, %", True)
_FORGETTING = _Measured(metrics.forgetting, "forgetting, points", False)


def accuracy(comparison: Comparison) -> Figure | None:
    """Accuracy at the end of the stream."""
    groups = [g for g in comparison.groups if any(r.result.noise for r in g.records)]
    top = max((_clean(r) for g in groups for r in g.records), default=0.0)
    parts = tuple(_part(g, _ACCURACY, top) for g in groups)
    caption = (
        "Test accuracy at the end of the stream, mean over experiences, as noise is added to the test images; "
        f"level 0 is the clean images. {SHADE} Dotted: chance level."
    )
    return Figure("noise", "Accuracy under noise", caption, parts) if parts else None


def forgetting(comparison: Comparison) -> Figure | None:
    """Forgetting, where noise was measured after every experience."""
    groups = [
        g
        for g in comparison.groups
        if any(noise_metrics.robust_forgetting(r) is not None for r in g.records)
    ]
    parts = tuple(_part(g, _FORGETTING) for g in groups)
    caption = (
        "Forgetting (first less last, mean over experiences but the last) of accuracies on noisy test images; "
        f"level 0 is the clean images. Where noise leaves little accuracy, there is little to forget. {SHADE}"
    )
    return Figure("noise-forgetting", "Forgetting under noise", caption, parts) if parts else None


def _clean(record: Record) -> float:
    return metrics.average_accuracy(record.result.accuracy) or 0.0


def _part(group: Group, measured: _Measured, top: float = 0.0) -> Drawing:
    kinds = sorted({n.corruption for r in group.records for n in r.result.noise})
    axes = []
    for kind in kinds:
        ax = Axes(kind.replace("_", " "))
        for arm in group.arms.values():
            levels, rows = _rows(arm, kind, measured)
            panels.line(ax, levels, rows, arm.name)
        if measured.is_accuracy:
            panels.accuracy_axis(ax, top, definitions.chance(group.records[0]))
        ax.x.label = _AXES.get(kind, "severity")
        axes.append(ax)
    grid.from_zero(axes)
    columns = min(3, max(2, len(kinds)))
    legend = grid.arm_entries(list(group.arms))
    svg = grid.grid(axes, 96, columns=columns, legend=legend, ylabel=measured.word)
    what = measured.word.split(",")[0].capitalize()
    alt = f"{what} against noise level, {group.label}: {', '.join(kinds).replace('_', ' ')}."
    return Drawing(group.label, svg, alt)


def _rows(arm: Arm, kind: str, measured: _Measured) -> tuple[list[float], list[Series]]:
    levels = sorted({n.level for r in arm.records for n in r.result.noise if n.corruption == kind})
    rows: list[Series] = []
    for record in arm.records:
        by_level = {
            n.level: measured.of(n.accuracy) for n in record.result.noise if n.corruption == kind
        }
        clean = measured.of(record.result.accuracy)
        rows.append([clean, *(by_level.get(level) for level in levels)])
    return [0.0, *levels], rows
