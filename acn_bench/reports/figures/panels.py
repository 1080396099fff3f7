"""Groups -> line charts side by side, one panel a group.

A line is the mean over seeds; the shade behind it reaches from the lowest to the highest seed.
"""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes

from acn_bench.analysis.final_model import final_model
from acn_bench.analysis.groups import Group, arm_order
from acn_bench.reports.figures import style
from acn_bench.reports.figures.style import WIDTH
from acn_bench.reports.model import Drawing, Figure
from acn_bench.wording import plural

Series = Sequence[float | None]

SHADE = "The line is the mean over seeds; the shade reaches from the lowest to the highest seed."


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
    for k, chunk in enumerate(style.chunks(groups, 12)):
        columns = style.columns_for(len(chunk))
        width = WIDTH if columns > 1 else 0.62 * WIDTH
        rows = -(-len(chunk) // columns)
        with style.canvas(width, 0.35 + (1.85 if columns == 3 else 2.05) * rows) as figure:
            axes = style.panels(figure, len(chunk), columns)
            highest = max(top(g) for g in chunk) if top else 0.0
            for ax, group in zip(axes, chunk, strict=True):
                panel(ax, group)
                style.title(ax, group.label, columns)
                if top:
                    style.accuracy_axis(ax, highest, final_model(group.records[0]).chance)
            from_zero(axes)
            for ax in axes[::columns]:
                ax.set_ylabel(ylabel)
            style.legend(figure, sorted({a for g in chunk for a in g.arms}, key=arm_order))
            alt = f"{title}, {plural(len(chunk), 'panel')}: {'; '.join(g.label for g in chunk)}."
            parts.append(Drawing("", style.svg(figure, f"{name}-{k}"), alt))
    return Figure(name, title, caption, tuple(parts)) if parts else None


def from_zero(axes: Sequence[Axes]) -> None:
    """The common scale of panels from 0 on, once all have drawn; a scale with values below 0 is left alone."""
    if min(ax.dataLim.y0 for ax in axes) >= 0:
        axes[0].set_ylim(bottom=0)


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
    count = min(len(row) for row in rows)
    at = [k for k in range(count) if all(row[k] is not None for row in rows)]
    columns = [[scale * (row[k] or 0.0) for row in rows] for k in at]
    look, xs = style.look(arm), [x[k] for k in at]
    if shade and len(rows) > 1:
        low, high = [min(c) for c in columns], [max(c) for c in columns]
        ax.fill_between(xs, low, high, color=look.colour, alpha=0.16, lw=0)
    ax.plot(
        xs,
        [sum(c) / len(c) for c in columns],
        color=look.colour,
        linestyle=look.dash,
        marker=look.marker if marker and len(xs) <= 10 else "",
        lw=width,
    )
