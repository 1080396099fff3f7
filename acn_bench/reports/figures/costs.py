"""Comparison -> what quality costs: accuracy against work per image and against training time."""

from collections.abc import Callable, Sequence

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Arm, Group, SeedKey, arm_order, kind_of
from acn_bench.reports.figures import grid, style
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.figures.grid import Entry
from acn_bench.reports.figures.style import QUIET
from acn_bench.reports.model import Drawing, Figure

_WORK = (
    "Each dot is one seed: accuracy at the end against the work of one image forward. Filled: the whole network; "
    "hollow: the same weights cut to their utilised depth. Further left at the same height is cheaper at no loss. "
    "Each panel has its own scale."
)
_TIME = (
    "Each dot is one seed: accuracy at the end against wall-clock training time. Both arms see the same images for "
    "the same number of epochs; times compare only between runs on the same device. "
    "Each panel has its own scale."
)


def work(comparison: Comparison) -> Figure | None:
    """Accuracy against FLOPs, whole and cut."""
    groups = [g for g in comparison.groups if any(g.cell(a, "flops").n for a in g.arms)]
    hollow = Entry("cut to utilised depth", QUIET, "o", fill="white")
    label = "work per image, GFLOPs"
    return _draw(groups, "work", "Accuracy against work per image", _WORK, label, _work, [hollow])


def time(comparison: Comparison) -> Figure | None:
    """Accuracy against seconds of training."""
    label = "training time, s"
    return _draw(
        comparison.groups, "time", "Accuracy against training time", _TIME, label, _time, []
    )


def _draw(
    groups: Sequence[Group],
    name: str,
    title: str,
    caption: str,
    xlabel: str,
    panel: Callable[[Axes, Arm], None],
    extra: list[Entry],
) -> Figure | None:
    parts = []
    for chunk in style.chunks(groups, 12):
        columns = style.columns_for(len(chunk))
        axes = [_panel(group, xlabel, panel) for group in chunk]
        arms = sorted({a for g in chunk for a in g.arms}, key=arm_order)
        svg = grid.grid(
            axes,
            82 if columns == 3 else 100,
            columns=columns,
            legend=[*grid.arm_entries(arms, lines=False), *extra],
            ylabel="accuracy at the end, %",
            share=False,
        )
        parts.append(Drawing("", svg, f"{title}: {'; '.join(g.label for g in chunk)}."))
    return Figure(name, title, caption, tuple(parts)) if parts else None


def _panel(group: Group, xlabel: str, panel: Callable[[Axes, Arm], None]) -> Axes:
    ax = Axes(group.label)
    for arm in group.arms.values():
        panel(ax, arm)
    ax.x.label, ax.x.low, ax.x.margin, ax.x.most = xlabel, 0.0, 0.12, 4
    ax.y.margin = 0.15
    return ax


def _points(arm: Arm, x: str, y: str) -> dict[SeedKey, tuple[float, float]]:
    """(x, y) of each seed that has both, in the units shown."""
    xs, ys = arm.cell(x).values, arm.cell(y).values
    a, b = (wording.UNITS[kind_of(arm.records[0]).metric(m).unit].scale for m in (x, y))
    return {s: (a * xs[s], b * ys[s]) for s in xs if s in ys}


def _work(ax: Axes, arm: Arm) -> None:
    whole = _points(arm, "flops", "average_accuracy")
    cut = _points(arm, "flops_utilised", "truncated_accuracy")
    look = style.look(arm.name)
    pairs = [[at, cut[seeds]] for seeds, at in whole.items() if seeds in cut]
    ax.lines(pairs, look.colour, 0.8, opacity=0.5)
    ax.markers(
        *_columns(cut), look.marker, look.colour, 5.5, fill="white", edge=look.colour, edge_width=1.1
    )  # fmt: skip
    ax.markers(*_columns(whole), look.marker, look.colour, 5, opacity=0.9)


def _time(ax: Axes, arm: Arm) -> None:
    look = style.look(arm.name)
    points = _points(arm, "seconds", "average_accuracy")
    ax.markers(*_columns(points), look.marker, look.colour, 5, opacity=0.9)


def _columns(points: dict[SeedKey, tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Points -> their x and their y."""
    return [x for x, _ in points.values()], [y for _, y in points.values()]
