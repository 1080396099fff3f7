"""Comparison -> accuracy matrices as heat maps: AC, residual, and AC less residual."""

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure as Canvas
from numpy.typing import NDArray

from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Arm, Group
from acn_bench.benchmarks.continual.definitions import highest_accuracy, learned_in_turn
from acn_bench.record import Record
from acn_bench.reports.figures import style
from acn_bench.reports.figures.style import DIVERGING, INK, WIDTH
from acn_bench.reports.model import Drawing, Figure
from acn_bench.wording import number

Array = NDArray[np.float64]

PARTED = 10  # up to so many experiences white lines part the cells
ANNOTATED = 6  # up to so many experiences a cell has room for its number
GREY = sns.light_palette("#39424f", as_cmap=True)

_CAPTION = (
    "Row: how many experiences have been learned; column: the experience that is tested; mean over seeds, in %. "
    "The diagonal is the accuracy just after learning, the last row the accuracy at the end. Right: AC − residual "
    "in points over the seeds of both; blue where AC is higher, orange where residual is. All groups share their "
    "scales."
)


def draw(comparison: Comparison) -> Figure | None:
    """One row of heat maps a group; None where no matrix has more than one row."""
    groups = [g for g in comparison.groups if any(learned_in_turn(r) for r in g.records)]
    gaps = [_gap(g) for g in groups]
    top = max((highest_accuracy(r) for g in groups for r in g.records), default=0.0)
    reach = max([1.0, *(float(np.nanmax(np.abs(gap))) for gap in gaps if gap is not None)])
    parts = tuple(
        _part(group, gap, f"matrices-{k}", 100 * top, reach)
        for k, (group, gap) in enumerate(zip(groups, gaps, strict=True))
    )
    return Figure("matrices", "Accuracy matrices", _CAPTION, parts) if parts else None


def _part(group: Group, gap: Array | None, name: str, top: float, reach: float) -> Drawing:
    maps = {arm.title: 100 * _mean(list(arm.records)) for arm in group.arms.values()}
    T, count = len(next(iter(maps.values()))), len(maps) + (gap is not None)
    rows = -(-count // 3)
    with style.canvas(WIDTH, 2.35 * rows) as figure:
        axes = figure.subplots(rows, 3, squeeze=False).flatten()
        for ax, (title, values) in zip(axes, maps.items(), strict=False):
            _heat(ax, values, title, T, GREY, 0.0, top)
        if gap is not None:
            _heat(axes[len(maps)], gap, "AC − residual, points", T, DIVERGING, -reach, reach)
        for ax in axes[count:]:
            ax.remove()
        for ax in axes[:count:3]:
            ax.set_ylabel("experiences learned")
        if T > ANNOTATED:
            _bars(figure, axes, len(maps), gap is not None)
        return Drawing(group.label, style.svg(figure, name), _alt(group, gap))


def _mean(records: list[Record]) -> Array:
    """(T, T) mean over seeds; NaN where a cell was not measured in every one."""
    stack = np.array([r.result.accuracy for r in records], dtype=np.float64)  # None becomes NaN
    return np.asarray(stack.mean(axis=0))


def _gap(group: Group) -> Array | None:
    """(T, T) mean of AC - residual in points over the seeds that both arms have."""
    if not group.pairs:
        return None
    ac, residual = (_mean(list(records)) for records in zip(*group.pairs, strict=True))
    return 100 * (ac - residual)


def _heat(
    ax: Axes, values: Array, title: str, T: int, colours: Colormap, low: float, high: float
) -> None:
    """One map; drawn by hand, since `sns.heatmap` lays the whole figure out for each."""
    ax.pcolormesh(
        np.ma.masked_invalid(values),
        cmap=colours,
        vmin=low,
        vmax=high,
        edgecolors="white",
        linewidth=0.6 if T <= PARTED else 0.0,
        rasterized=T > PARTED,  # hundreds of cells: a small picture in place of as many paths
    )
    if T <= ANNOTATED:
        _annotate(ax, values, colours, low, high)
    ticks = [t for t in range(T) if t == 0 or (t + 1) % (1 if T <= PARTED else 5) == 0]
    ax.set_xticks([t + 0.5 for t in ticks], [str(t + 1) for t in ticks])
    ax.set_yticks([t + 0.5 for t in ticks], [str(t + 1) for t in ticks])
    ax.invert_yaxis()
    ax.set_aspect("equal")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    style.title(ax, title, 3)
    ax.set_xlabel("experience tested")


def _annotate(ax: Axes, values: Array, colours: Colormap, low: float, high: float) -> None:
    """Each cell's number, dark on light and light on dark."""
    for (i, j), value in np.ndenumerate(values):
        if not np.isnan(value):
            red, green, blue, _ = colours((float(value) - low) / (high - low))
            dark = 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.5
            words = number(float(value), 0, sign=low < 0)
            ink = "white" if dark else INK
            ax.text(j + 0.5, i + 0.5, words, ha="center", va="center", color=ink, fontsize=7)


def _bars(
    figure: Canvas, axes: "np.ndarray[tuple[int], np.dtype[np.object_]]", maps: int, gap: bool
) -> None:
    """A colour bar for the accuracies, and one for the difference."""
    for ax, word in [(axes[maps - 1], "accuracy, %")] + ([(axes[maps], "points")] if gap else []):
        bar = figure.colorbar(ax.collections[0], ax=ax, shrink=0.72, aspect=16, pad=0.03)
        bar.outline.set_visible(False)
        bar.ax.tick_params(length=2, labelsize=7)
        bar.set_label(word, fontsize=7)


def _alt(group: Group, gap: Array | None) -> str:
    """The means of the last row in words."""
    ends = [f"{arm.title} {_last(arm)}" for arm in group.arms.values()]
    words = f"Accuracy matrices, {group.label}; mean of the last row: {', '.join(ends)}."
    if gap is None:
        return words
    return f"{words} AC − residual over all measured cells: {number(float(np.nanmean(gap)), 1, True)} points."


def _last(arm: Arm) -> str:
    return f"{number(100 * float(np.nanmean(_mean(list(arm.records))[-1])), 1)} %"
