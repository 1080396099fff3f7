"""Comparison -> paired dots and paired differences: one row a group, one dot a seed."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Group, arm_order, arm_title
from acn_bench.analysis.metric import Metric
from acn_bench.reports.figures import grid, style, svg
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.figures.grid import Entry
from acn_bench.reports.figures.style import FAINT, INK, QUIET, THREAD
from acn_bench.reports.figures.svg import units
from acn_bench.reports.model import Drawing, Figure

_CAPTION = (
    "Left: one dot a seed, a grey line joins the arms of a pair, the upright stroke is an arm's mean. "
    "Right: the mean paired difference AC − residual with its 95 % t-interval; where the interval touches "
    "zero the records do not decide, and a hollow dot is a single seed."
)

_EACH = "AC − each other arm, at its height and in its colour,"
_MEAN = Entry("mean", INK, "|")
_LABELS = units(125)  # the most room for the groups' labels


def draw(comparison: Comparison, metric_name: str) -> Figure | None:
    """Paired dots of one metric; None where no group has a value."""
    metric = comparison.kind.metric(metric_name)
    groups = [g for g in comparison.groups if any(g.cell(arm, metric.name).n for arm in g.arms)]
    parts = tuple(_part(metric, chunk) for chunk in style.chunks(groups, 12))
    title = f"{metric.title}, seed by seed"
    several = any(_compared(g) > 1 for g in groups)
    caption = _CAPTION.replace("AC − residual", _EACH) if several else _CAPTION
    return Figure(f"{metric.name}-pairs", title, caption, parts) if parts else None


def _compared(group: Group) -> int:
    """How many arms AC is compared with."""
    return len(set(group.baselines) & group.arms.keys())


def _part(metric: Metric, groups: Sequence[Group]) -> Drawing:
    arms = sorted({a for g in groups for a in g.arms}, key=arm_order)
    most = max(len(g.arms) for g in groups)
    left, right = Axes(), Axes()
    for y, group in enumerate(groups):
        _dots(left, metric, group, y)
        _intervals(right, metric, group, y)
    _dress(left, right, metric, groups)
    drawn = grid.grid(
        [left, right],
        (37 if most <= 2 else 19 * most) * len(groups),
        columns=2,
        legend=[*grid.arm_entries(arms, lines=False), _MEAN],
        share=False,
        ratios=(1.55, 1),
    )
    return Drawing("", drawn, _alt(metric, groups))


def _heights(group: Group) -> dict[str, float]:
    """Where each arm stands in its group's row: residual above AC, others below."""
    order: list[str] = [a for a in ("residual", "ac") if a in group.arms]
    order += [a for a in group.arms if a not in order]
    if _compared(group) > 1:  # AC above all that it is compared with
        order = sorted(group.arms, key=arm_order)
    step = 0.32 if len(order) <= 2 else 0.6 / (len(order) - 1)
    return {arm: step * (k - (len(order) - 1) / 2) for k, arm in enumerate(order)}


def _dots(ax: Axes, metric: Metric, group: Group, y: float) -> None:
    scale, heights = wording.UNITS[metric.unit].scale, _heights(group)
    order = sorted(heights, key=lambda arm: heights[arm])
    for one, other in pairwise(a for a in order if a == "ac" or a in group.baselines):
        a, b = (group.cell(arm, metric.name).values for arm in (one, other))
        threads = [
            [(a[s] * scale, y + heights[one]), (b[s] * scale, y + heights[other])]
            for s in a
            if s in b
        ]
        ax.lines(threads, THREAD, 0.9)
    for arm in group.arms:
        cell, look, at = group.cell(arm, metric.name), style.look(arm), y + heights[arm]
        if cell.mean is not None and cell.n > 1:
            mean = cell.mean * scale
            ax.line([mean] * 2, [at - 0.13, at + 0.13], look.colour, 1.8)
        x = [v * scale for v in cell.values.values()]
        dots = [at + lift for lift in _lifts(x)]
        ax.markers(x, dots, look.marker, look.colour, 5, opacity=0.85)


def _lifts(values: Sequence[float]) -> list[float]:
    """A small lift for each value, so that equal ones do not hide each other."""
    count, before, lifts = Counter(values), Counter[float](), []
    for value in values:
        lifts.append(0.09 * (before[value] - (count[value] - 1) / 2))
        before[value] += 1
    return lifts


def _intervals(ax: Axes, metric: Metric, group: Group, y: float) -> None:
    """AC less each arm that it is compared with; where there are several, at that arm's height."""
    baselines = [a for a in group.baselines if a in group.arms]
    if len(baselines) < 2:
        _interval(ax, metric, group, y, "residual", INK)
        return
    heights = _heights(group)
    for arm in baselines:
        _interval(ax, metric, group, y + heights[arm], arm, style.look(arm).colour)


def _interval(ax: Axes, metric: Metric, group: Group, y: float, against: str, colour: str) -> None:
    scale = wording.UNITS[metric.unit].scale
    difference = group.difference(metric.name, against)
    if difference is None:
        missing = [arm_title(a) for a in ("ac", against) if a not in group.arms]
        # the scale is symmetric: its middle is 0
        ax.words(0, y, f"{wording.listed(missing)} not run" if missing else "no pair", QUIET)
        return
    if difference.interval:
        ax.line([v * scale for v in difference.interval], [y, y], colour, 1.8)
    fill = colour if difference.interval else "white"
    ax.markers([difference.mean * scale], [y], "o", colour, 6, fill=fill, edge=colour, edge_width=1.2)  # fmt: skip


def _dress(left: Axes, right: Axes, metric: Metric, groups: Sequence[Group]) -> None:
    unit = wording.UNITS[metric.unit]
    left.x.label = f"{metric.title}, {unit.word} ({metric.better} is better)"
    several = any(_compared(g) > 1 for g in groups)
    other = "other arm" if several else "residual"
    right.x.label = f"AC − {other}, {unit.difference}"
    labels = ["\n".join(svg.wrapped(g.label, units(7.5), _LABELS)) for g in groups]
    left.y.ticks = list(enumerate(labels))
    right.y.ticks = ()
    if metric.unit == "blocks":
        left.x.low = -0.15
    _sides(right, metric, other)
    for ax in (left, right):
        ax.x.most, ax.x.whole = 6, metric.unit == "blocks"
        ax.y.low, ax.y.high = len(groups) - 0.5, -0.5
        ax.y.lined = False
        for edge in range(1, len(groups)):
            ax.level(edge - 0.5, FAINT, 0.6)
    if not any(g.difference(metric.name, a) for g in groups for a in g.baselines):
        right.bare()  # nothing but the words on what was not run


def _sides(right: Axes, metric: Metric, other: str) -> None:
    """Zero, and which side of it is whose."""
    low, high = right.x.limits
    reach = 1.05 * max(abs(low), abs(high), 1e-9)
    right.x.low, right.x.high = -reach, reach
    right.uprights([0], QUIET, 0.9)
    good, bad = ("AC better", f"{other} better")[:: 1 if metric.better == "lower" else -1]
    right.corners = (f"← {good}", f"{bad} →")


def _alt(metric: Metric, groups: Sequence[Group]) -> str:
    """The means and the differences in words."""
    sentences = []
    for group in groups:
        cells = {arm: group.cell(arm, metric.name) for arm in group.arms}
        means = [
            f"{group.arms[arm].title} {wording.shown(metric.unit, cell.mean, cell.spread)}"
            for arm, cell in cells.items()
            if cell.n
        ]
        sentences.append(f"{group.label}: {wording.listed(means)}")
    return f"{metric.title}, {wording.UNITS[metric.unit].word}. {'; '.join(sentences)}."
