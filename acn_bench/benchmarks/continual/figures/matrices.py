"""Comparison -> accuracy matrices as heat maps: AC, residual, and AC less residual."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Group
from acn_bench.benchmarks.continual.definitions import highest_accuracy, learned_in_turn
from acn_bench.reports.figures import grid, style
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.figures.grid import Scale
from acn_bench.reports.figures.scales import Limits
from acn_bench.reports.figures.style import DIVERGING, GREYS, INK
from acn_bench.reports.model import Drawing, Figure
from acn_bench.wording import number

Array = NDArray[np.float64]

STEPS = 255  # of a scale of colours
SIZE = 118  # points: the side of a map
PARTED = 10  # up to so many experiences white lines part the cells
ANNOTATED = 6  # up to so many experiences a cell has room for its number

_CAPTION = (
    "Row: how many experiences have been learned; column: the experience that is tested; mean over seeds, in %. "
    "The diagonal is the accuracy just after learning, the last row the accuracy at the end. Right: AC − residual "
    "in points over the seeds of both; blue where AC is higher, orange where residual is. All groups share their "
    "scales."
)


def draw(comparison: Comparison) -> Figure | None:
    """One row of heat maps a group; None where no matrix has more than one row."""
    groups = [g for g in comparison.groups if any(learned_in_turn(r) for r in g.records)]
    means = [_means(g) for g in groups]
    top = max((highest_accuracy(r) for g in groups for r in g.records), default=0.0)
    reach = max([1.0, *(float(np.nanmax(np.abs(gap))) for _, gap in means if gap is not None)])
    parts = tuple(
        _part(group, maps, gap, 100 * top, reach)
        for group, (maps, gap) in zip(groups, means, strict=True)
    )
    return Figure("matrices", "Accuracy matrices", _CAPTION, parts) if parts else None


def _part(
    group: Group, maps: dict[str, Array], gap: Array | None, top: float, reach: float
) -> Drawing:
    axes = [_heat(title, values, GREYS, (0.0, top)) for title, values in maps.items()]
    scales = [Scale("accuracy, %", GREYS, (0.0, top))]
    if gap is not None:
        axes.append(_heat("AC − residual, points", gap, DIVERGING, (-reach, reach)))
        scales.append(Scale("difference, points", DIVERGING, (-reach, reach)))
    numbered = len(next(iter(maps.values()))) <= ANNOTATED
    svg = grid.grid(
        axes, SIZE, columns=3, width=SIZE, ylabel="experiences learned", scales=[] if numbered else scales
    )  # fmt: skip
    return Drawing(group.label, svg, _alt(group, maps, gap))


def _means(group: Group) -> tuple[dict[str, Array], Array | None]:
    """(T, T) mean of each arm in %, and of AC - residual in points over the seeds that both arms have.

    NaN where a cell was not measured in every one.
    """
    stacks = {
        name: np.array([r.result.accuracy for r in arm.records], dtype=np.float64)  # None: NaN
        for name, arm in group.arms.items()
    }
    maps = {group.arms[name].title: 100 * stack.mean(axis=0) for name, stack in stacks.items()}
    if not {"ac", "residual"} <= stacks.keys():
        return maps, None
    ac, residual = (group.arms[name].seeds for name in ("ac", "residual"))
    both = [(ac.index(s), residual.index(s)) for s in ac if s in residual]
    if not both:
        return maps, None
    rows = zip(("ac", "residual"), zip(*both, strict=True), strict=True)
    means = [stacks[name][list(places)].mean(axis=0) for name, places in rows]
    return maps, np.asarray(100 * (means[0] - means[1]))


def _heat(title: str, values: Array, colours: tuple[str, ...], limits: Limits) -> Axes:
    """One map: row 1 above, column 1 to the left."""
    ax, T = Axes(title), len(values)
    cells = _coloured(values, colours, limits)
    ax.cells(cells, (0, T), (0, T), parted=T <= PARTED)
    if T <= ANNOTATED:
        for (i, j), value in np.ndenumerate(values):
            if cell := cells[i][j]:
                words = number(float(value), 0, sign=limits[0] < 0)
                ax.words(j + 0.5, i + 0.5, words, "white" if _dark(cell) else INK, 7)
    shown = [t for t in range(T) if t == 0 or (t + 1) % (1 if T <= PARTED else 5) == 0]
    for axis in (ax.x, ax.y):
        axis.ticks, axis.lined = [(t + 0.5, str(t + 1)) for t in shown], False
    ax.x.low, ax.x.high, ax.y.low, ax.y.high = 0, T, T, 0
    ax.x.label = "experience tested"
    return ax


def _coloured(values: Array, colours: tuple[str, ...], limits: Limits) -> list[list[str]]:
    """The colour of each cell; empty where it was not measured."""
    low, high = limits
    steps = np.rint(STEPS * (values - low) / (high - low))
    places = np.where(np.isnan(steps), -1, steps).astype(int).tolist()
    coloured = [*_steps(colours), ""]  # the last, of place -1
    return [[coloured[k] for k in row] for row in places]


@cache
def _steps(colours: tuple[str, ...]) -> list[str]:
    """A scale of colours in steps, from its first to its last."""
    return [style.between(colours, k / STEPS) for k in range(STEPS + 1)]


def _dark(colour: str) -> bool:
    """Whether white words can be read on it."""
    red, green, blue = style.channels(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128


def _alt(group: Group, maps: dict[str, Array], gap: Array | None) -> str:
    """The means of the last row in words."""
    ends = [f"{arm} {number(float(np.nanmean(values[-1])), 1)} %" for arm, values in maps.items()]
    words = f"Accuracy matrices, {group.label}; mean of the last row: {', '.join(ends)}."
    if gap is None:
        return words
    return f"{words} AC − residual over all measured cells: {number(float(np.nanmean(gap)), 1, True)} points."
