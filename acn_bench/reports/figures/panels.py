"""Groups -> line charts side by side, one panel a group.

A line is the mean over seeds; the shade behind it reaches from the lowest to the highest seed.
"""

from collections.abc import Callable, Sequence

from acn_bench.analysis import statistics
from acn_bench.analysis.final_model import final_model
from acn_bench.analysis.groups import Group, arm_order
from acn_bench.reports.figures import grid, style
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.model import Drawing, Figure
from acn_bench.wording import plural

Series = Sequence[float | None]

SHADE = "The line is the mean over seeds; the shade reaches from the lowest to the highest seed."
UTILISED = (
    "A marker above the lower edge is an arm's utilised depth, which held-out rows choose: the mean over seeds, with its "
    "95 % t-interval."
)


def draw(
    groups: Sequence[Group],
    name: str,
    title: str,
    caption: str,
    panel: Callable[[Axes, Group], None],
    top: Callable[[Group], float] | None,
    ylabel: str,
) -> Figure | None:
    """One panel a group, side by side with one scale; `top` is the highest accuracy, where they show one."""
    parts = []
    for chunk in style.chunks(groups, 12):
        columns = style.columns_for(len(chunk))
        highest = max(top(g) for g in chunk) if top else 0.0
        axes = []
        for group in chunk:
            ax = Axes(group.label)
            panel(ax, group)
            if top:
                accuracy_axis(ax, highest, final_model(group.records[0]).chance)
            axes.append(ax)
        grid.from_zero(axes)
        arms = sorted({a for g in chunk for a in g.arms}, key=arm_order)
        svg = grid.grid(
            axes,
            90 if columns == 3 else 104,
            columns=columns,
            legend=grid.arm_entries(arms),
            ylabel=ylabel,
        )
        alt = f"{title}, {plural(len(chunk), 'panel')}: {'; '.join(g.label for g in chunk)}."
        parts.append(Drawing("", svg, alt))
    return Figure(name, title, caption, tuple(parts)) if parts else None


def line(
    ax: Axes,
    x: Sequence[float],
    rows: Sequence[Series],
    arm: str,
    *,
    marker: bool = True,
    shade: bool = True,
    width: float = 1.6,
    scale: float = 100.0,
) -> None:
    """The mean over `rows` (one a seed, shares unless `scale` is 1) where every row has a value."""
    at: Sequence[int] = range(min(map(len, rows), default=0))
    if any(None in row for row in rows):
        at = [k for k in at if all(row[k] is not None for row in rows)]
    scaled = [[scale * v for k in at if (v := row[k]) is not None] for row in rows]
    look, xs = style.look(arm), [x[k] for k in at]
    if shade and len(rows) > 1:
        ax.band(xs, list(map(min, *scaled)), list(map(max, *scaled)), look.colour)
    means = [sum(column) / len(column) for column in zip(*scaled, strict=True)]
    ax.line(xs, means, look.colour, width, look.dash)
    if marker and len(xs) <= 10:
        ax.markers(xs, means, look.marker, look.colour, 4)


def experiences_axis(ax: Axes, T: int) -> None:
    """Ticks at the first experience and at every one or every fifth."""
    shown = [t for t in range(1, T + 1) if t == 1 or t % (1 if T <= 10 else 5) == 0]
    ax.x.label, ax.x.ticks = "experiences learned", [(t, str(t)) for t in shown]


def utilised(ax: Axes, group: Group) -> None:
    """The mean utilised depth of each arm above the lower edge, with its 95 % t-interval over seeds."""
    for k, arm in enumerate(group.arms.values()):
        values = list(group.cell(arm.name, "utilised_depth").values.values())
        if not values:
            continue
        look, share = style.look(arm.name), 0.04 + 0.07 * k
        if interval := statistics.t_interval(values):
            ax.span_above(interval, share, look.colour, 1.4)
        ax.markers_above([sum(values) / len(values)], [share], look.marker, look.colour, 6)


def blocks_axis(ax: Axes) -> None:
    """Whole numbers of blocks."""
    ax.x.label, ax.x.most, ax.x.whole = "blocks before the head", 8, True


def accuracy_axis(ax: Axes, top: float, chance: float | None = None) -> None:
    """Percentages from 0; `top` is the highest share shown; the dotted line is the chance level."""
    ax.y.low, ax.y.high = 0.0, min(104.0, 10 * (int(10 * top) + 1.4))
    if chance is not None:
        ax.level(100 * chance, style.QUIET, 0.8, (0.8, 1.6))
