"""Comparison -> paired dots and paired differences: one row a group, one dot a seed."""

from collections.abc import Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Group, arm_order, arm_title
from acn_bench.analysis.metric import Metric
from acn_bench.reports.figures import style
from acn_bench.reports.figures.style import FAINT, INK, QUIET
from acn_bench.reports.model import Drawing, Figure

THREAD = "#b6bcc6"

_CAPTION = (
    "Left: one dot a seed, a grey line joins the arms of a pair, the upright stroke is an arm's mean. "
    "Right: the mean paired difference AC − residual with its 95 % t-interval; where the interval touches "
    "zero the records do not decide, and a hollow dot is a single seed."
)

_EACH = "AC − each other arm, at its height and in its colour,"


def draw(comparison: Comparison, metric_name: str) -> Figure | None:
    """Paired dots of one metric; None where no group has a value."""
    metric = comparison.kind.metric(metric_name)
    groups = [g for g in comparison.groups if any(g.cell(arm, metric.name).n for arm in g.arms)]
    parts = tuple(
        _part(metric, chunk, f"{metric.name}-pairs-{k}")
        for k, chunk in enumerate(style.chunks(groups, 12))
    )
    title = f"{metric.title}, seed by seed"
    several = any(_compared(g) > 1 for g in groups)
    caption = _CAPTION.replace("AC − residual", _EACH) if several else _CAPTION
    return Figure(f"{metric.name}-pairs", title, caption, parts) if parts else None


def _compared(group: Group) -> int:
    """How many arms AC is compared with."""
    return len(set(group.baselines) & group.arms.keys())


def _part(metric: Metric, groups: Sequence[Group], name: str) -> Drawing:
    arms = sorted({a for g in groups for a in g.arms}, key=arm_order)
    most = max(len(g.arms) for g in groups)
    with style.canvas(
        style.WIDTH, 0.85 + (0.52 if most <= 2 else 0.26 * most) * len(groups)
    ) as figure:
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1.55, 1))
        for y, group in enumerate(groups):
            _dots(left, metric, group, y)
            _intervals(right, metric, group, y)
        _dress(left, right, metric, groups)
        mean = Line2D([], [], color=INK, marker="|", markersize=9, linestyle="", label="mean")
        mean.set_markeredgecolor(INK)
        mean.set_markeredgewidth(1.4)
        style.legend(figure, arms, [mean], lines=False)
        return Drawing("", style.svg(figure, name), _alt(metric, groups))


def _heights(group: Group) -> dict[str, float]:
    """Where each arm stands in its group's row: residual above AC, others below."""
    order: list[str] = [a for a in ("residual", "ac") if a in group.arms]
    order += [a for a in group.arms if a not in order]
    if _compared(group) > 1:  # AC above all that it is compared with
        order = sorted(group.arms, key=arm_order)
    step = 0.32 if len(order) <= 2 else 0.6 / (len(order) - 1)
    return {arm: step * (k - (len(order) - 1) / 2) for k, arm in enumerate(order)}


def _dots(ax: Axes, metric: Metric, group: Group, y: float) -> None:
    scale = wording.UNITS[metric.unit].scale
    heights = _heights(group)
    order = sorted(heights, key=lambda arm: heights[arm])
    for one, other in pairwise(a for a in order if a == "ac" or a in group.baselines):
        a, b = (group.cell(arm, metric.name).values for arm in (one, other))
        for seeds in (s for s in a if s in b):
            x = [a[seeds] * scale, b[seeds] * scale]
            ax.plot(x, [y + heights[one], y + heights[other]], color=THREAD, lw=0.9, zorder=1)
    for arm in group.arms:
        cell, look = group.cell(arm, metric.name), style.look(arm)
        at = y + heights[arm]
        x = [v * scale for v in cell.values.values()]
        heights_of_dots = [at + lift for lift in _lifts(x)]
        ax.plot(x, heights_of_dots, look.marker, color=look.colour, ms=5, alpha=0.85, zorder=3)
        if cell.mean is not None and cell.n > 1:
            mean = cell.mean * scale
            ax.plot([mean] * 2, [at - 0.13, at + 0.13], color=look.colour, lw=1.8, zorder=2)


def _lifts(values: Sequence[float]) -> list[float]:
    """A small lift for each value, so that equal ones do not hide each other."""
    lifts = []
    for k, value in enumerate(values):
        count, before = values.count(value), values[:k].count(value)
        lifts.append(0.09 * (before - (count - 1) / 2))
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
        words = f"{wording.listed(missing)} not run" if missing else "no pair"
        words = style.wrapped(words, 40)
        ax.annotate(
            words,
            (0.5, y),
            xycoords=("axes fraction", "data"),
            ha="center",
            va="center",
            color=QUIET,
        )
        return
    if difference.interval:
        low, high = (v * scale for v in difference.interval)
        ax.plot([low, high], [y, y], color=colour, lw=1.8, solid_capstyle="butt", zorder=2)
    ax.plot(
        difference.mean * scale,
        y,
        "o",
        ms=6,
        color=colour if difference.interval else "white",
        markeredgecolor=colour,
        markeredgewidth=1.2,
        zorder=3,
    )


def _dress(left: Axes, right: Axes, metric: Metric, groups: Sequence[Group]) -> None:
    unit = wording.UNITS[metric.unit]
    left.set_xlabel(f"{metric.title}, {unit.word} ({metric.better} is better)")
    several = any(_compared(g) > 1 for g in groups)
    other = "other arm" if several else "residual"
    right.set_xlabel(f"AC − {other}, {unit.difference}")
    left.set_yticks(range(len(groups)), [style.wrapped(g.label, 28) for g in groups], fontsize=8)
    left.set_ylim(len(groups) - 0.5, -0.5)
    if metric.unit == "blocks":
        left.set_xlim(left=-0.15)
    _sides(right, metric, other)
    for ax in (left, right):
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=metric.unit == "blocks"))
        ax.tick_params(axis="y", length=0)
        ax.spines[["top", "right", "left"]].set_visible(False)
        for edge in range(1, len(groups)):
            ax.axhline(edge - 0.5, color=FAINT, lw=0.6, zorder=0)
    if not any(g.difference(metric.name, a) for g in groups for a in g.baselines):
        right.set_axis_off()  # nothing but the words on what was not run


def _sides(right: Axes, metric: Metric, other: str) -> None:
    """Zero, and which side of it is whose."""
    right.axvline(0, color=QUIET, lw=0.9, zorder=1)
    low, high = right.get_xlim()
    reach = 1.05 * max(abs(low), abs(high), 1e-9)
    right.set_xlim(-reach, reach)
    good, bad = ("AC better", f"{other} better")[:: 1 if metric.better == "lower" else -1]
    right.set_title(f"← {good}", loc="left", fontsize=7.5, fontweight="normal", color=QUIET)
    right.set_title(f"{bad} →", loc="right", fontsize=7.5, fontweight="normal", color=QUIET)


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
