"""Comparison -> accuracy by depth: on clean images, under noise and under corruptions."""

from collections.abc import Callable, Sequence

from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Group
from acn_bench.benchmarks.robustness import measures
from acn_bench.benchmarks.robustness.report import jpeg_note
from acn_bench.record import Record
from acn_bench.reports.figures import grid, panels
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.figures.panels import SHADE, UTILISED
from acn_bench.reports.model import Drawing, Figure

Read = Callable[[Record], Sequence[float] | None]

# (title of a panel, what it shows after 0 … L blocks)
_PANELS: tuple[tuple[str, Read], ...] = (
    ("clean", lambda r: r.result.clean.accuracy),
    ("noise, mean over levels", lambda r: measures.by_depth(r.result.noise)),
    ("corruptions, mean over severities", lambda r: measures.by_depth(r.result.corruptions)),
)
_CAPTION = (
    "Test accuracy with the head after 0, 1, … blocks, of the same network and the same pass: where a curve is flat "
    f"under corruption too, a truncated network keeps its robustness. {UTILISED} {SHADE} Dotted: chance level."
)


def draw(comparison: Comparison) -> Figure | None:
    """One row of panels a group whose networks have depths."""
    groups = [
        g for g in comparison.groups if all(len(r.result.clean.accuracy) > 1 for r in g.records)
    ]
    parts = tuple(_part(group) for group in groups)
    title = "Accuracy by depth, clean and corrupted"
    caption = f"{_CAPTION} {jpeg_note(groups)}".rstrip()
    return Figure("robust-depth", title, caption, parts) if parts else None


def _part(group: Group) -> Drawing:
    shown = [(t, read) for t, read in _PANELS if all(read(r) is not None for r in group.records)]
    top = max(max(r.result.clean.accuracy) for r in group.records)
    axes = []
    for title, read in shown:
        ax = Axes(title)
        for arm in group.arms.values():
            rows = [read(r) or () for r in arm.records]
            panels.line(ax, range(len(rows[0])), rows, arm.name)
        panels.utilised(ax, group)
        panels.accuracy_axis(ax, top, measures.chance(group.records[0]))
        panels.blocks_axis(ax)
        axes.append(ax)
    legend = grid.arm_entries(list(group.arms))
    svg = grid.grid(axes, 110, columns=len(_PANELS), legend=legend, ylabel="accuracy, %")
    titles = ", ".join(title for title, _ in shown)
    return Drawing(group.label, svg, f"Accuracy by depth, {group.label}: {titles}.")
