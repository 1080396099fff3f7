"""Comparison -> line charts against the level of each corruption: accuracy at the end, and forgetting."""

from collections.abc import Callable
from dataclasses import dataclass

from acn_bench import metrics
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Arm, Group
from acn_bench.benchmarks.continual import definitions, noise_metrics
from acn_bench.benchmarks.continual.result import Matrix
from acn_bench.record import Record
from acn_bench.reports.figures import panels, style
from acn_bench.reports.figures.panels import SHADE, Series
from acn_bench.reports.figures.style import WIDTH
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
    parts = tuple(_part(g, _ACCURACY, f"noise-{k}", top) for k, g in enumerate(groups))
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
    parts = tuple(_part(g, _FORGETTING, f"noise-forgetting-{k}") for k, g in enumerate(groups))
    caption = (
        "Forgetting (first less last, mean over experiences but the last) of accuracies on noisy test images; "
        f"level 0 is the clean images. Where noise leaves little accuracy, there is little to forget. {SHADE}"
    )
    return Figure("noise-forgetting", "Forgetting under noise", caption, parts) if parts else None


def _clean(record: Record) -> float:
    return metrics.average_accuracy(record.result.accuracy) or 0.0


def _part(group: Group, measured: _Measured, name: str, top: float = 0.0) -> Drawing:
    kinds = sorted({n.corruption for r in group.records for n in r.result.noise})
    height = 2.1 * -(-len(kinds) // 3) + (0.15 if len(kinds) < 3 else 0.0)
    with style.canvas(WIDTH, height) as figure:
        axes = style.panels(figure, len(kinds), min(3, max(2, len(kinds))))
        for ax, kind in zip(axes, kinds, strict=True):
            for arm in group.arms.values():
                levels, rows = _rows(arm, kind, measured)
                panels.line(ax, levels, rows, arm.name)
            if measured.is_accuracy:
                style.accuracy_axis(ax, top, definitions.chance(group.records[0]))
            style.title(ax, kind.replace("_", " "), 3)
            ax.set_xlabel(_AXES.get(kind, "severity"))
        panels.from_zero(axes)
        axes[0].set_ylabel(measured.word)
        style.legend(figure, list(group.arms))
        what = measured.word.split(",")[0].capitalize()
        alt = f"{what} against noise level, {group.label}: {', '.join(kinds).replace('_', ' ')}."
        return Drawing(group.label, style.svg(figure, name), alt)


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
