"""Comparison -> what happens below full depth, and under noise, along the stream."""

from collections.abc import Sequence

from acn_bench import metrics
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Arm, Group
from acn_bench.benchmarks.continual import definitions
from acn_bench.benchmarks.continual import metrics as continual
from acn_bench.record import Record
from acn_bench.reports.figures import grid, panels, style
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.figures.grid import Entry
from acn_bench.reports.figures.panels import SHADE, Series
from acn_bench.reports.model import Drawing, Figure

SHOWN = 5  # depth curves an arm: more of them hide each other

_BY_DEPTH = (
    "Forgetting (first less last, mean over experiences but the last) with the head after 0, 1, … blocks: "
    f"what cutting the network costs on earlier experiences. A depth at the chance level has nothing to forget. {SHADE}"
)
_STREAM = (
    "Test accuracy with the head after 0, 1, … blocks, mean over the experiences learned so far and over "
    "seeds, after some of the experiences: light is early in the stream, dark is its end. Dotted: chance level."
)


def forgetting(comparison: Comparison) -> Figure | None:
    """Forgetting at every depth."""
    groups = [g for g in comparison.groups if any(_learned_at_depths(r) for r in g.records)]

    def panel(ax: Axes, group: Group) -> None:
        for arm in group.arms.values():
            rows = [c for r in arm.records if (c := continual.forgetting_by_depth(r))]
            if rows:
                panels.line(ax, range(len(rows[0])), rows, arm.name)
        panels.blocks_axis(ax)

    title = "Forgetting at every depth"
    return panels.draw(
        groups, "forgetting-depth", title, _BY_DEPTH, panel, None, "forgetting, points"
    )


def stream(comparison: Comparison) -> Figure | None:
    """The depth curve after several experiences, one panel an arm."""
    groups = [g for g in comparison.groups if any(_learned_at_depths(r) for r in g.records)]
    curves = [_curves_of_arms(g) for g in groups]
    top = max((v for arms in curves for rows in arms.values() for v in _values(rows)), default=0.0)
    parts = tuple(_stream(group, arms, top) for group, arms in zip(groups, curves, strict=True))
    title = "How many blocks are needed, over the stream"
    return Figure("depth-stream", title, _STREAM, parts) if parts else None


def _learned_at_depths(record: Record) -> bool:
    return record.result.depth_accuracy is not None and definitions.learned_in_turn(record)


def _after(group: Group) -> list[int]:
    """The experiences that a curve is drawn after: the first, the last, and some between."""
    T = len(group.records[0].result.accuracy)
    return sorted({round(k * (T - 1) / (SHOWN - 1)) for k in range(SHOWN)})


def _curves_of_arms(group: Group) -> dict[str, list[Series]]:
    """Arm -> its curves, light to dark."""
    arms = [a for a in group.arms.values() if any(_learned_at_depths(r) for r in a.records)]
    return {arm.name: _curves(arm, _after(group)) for arm in arms}


def _values(rows: Sequence[Series]) -> list[float]:
    return [v for row in rows for v in row if v is not None]


def _stream(group: Group, curves: dict[str, list[Series]], top: float) -> Drawing:
    arms, after = [group.arms[name] for name in curves], _after(group)
    columns = min(3, max(2, len(arms)))
    axes = []
    for arm in arms:
        ax = Axes(arm.title)
        colours = style.shades(style.look(arm.name).colour, len(after))
        for row, colour in zip(curves[arm.name], colours, strict=True):
            ax.line(range(len(row)), [100 * (v or 0.0) for v in row], colour, 1.5)
        panels.accuracy_axis(ax, top, definitions.chance(group.records[0]))
        panels.blocks_axis(ax)
        axes.append(ax)
    greys = zip(after, style.shades("#39424f", len(after)), strict=True)
    legend = [Entry(f"after {i + 1}", colour, dash=()) for i, colour in greys]
    svg = grid.grid(axes, 100, columns=columns, legend=legend, ylabel="accuracy, %")
    alt = f"Accuracy by depth after experiences {', '.join(str(i + 1) for i in after)}, {group.label}."
    return Drawing(group.label, svg, alt)


def _curves(arm: Arm, after: Sequence[int]) -> list[Series]:
    """(L+1,) for each experience of `after`: mean over the experiences so far, then over seeds."""
    curves: list[Series] = []
    for i in after:
        rows = [
            c for r in arm.records if (c := continual.depth_curve_after(r, "test", i)) is not None
        ]
        curves.append([metrics.mean(column) for column in zip(*rows, strict=True)])
    return curves
