"""Comparison -> AC less residual by corruption and severity."""

from collections.abc import Sequence

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Difference, Group
from acn_bench.benchmarks.robustness.report import source
from acn_bench.reports.figures import grid, style
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.figures.style import DIVERGING, INK
from acn_bench.reports.model import Drawing, Figure

ROW, COLUMN = 14, 44  # points: the size of a cell

_HEAT = (
    "AC − residual in points of accuracy at full depth, mean of the pairs; blue where AC is higher, orange where "
    "residual is. *: the 95 % interval of that cell alone misses zero; of a hundred such cells without any "
    "difference, five have a star by chance. Behind a name: the mean over its severities. All groups share one scale."
)
Differences = Sequence[Sequence[Difference | None]]  # by corruption and severity


def draw(comparison: Comparison) -> Figure | None:
    """One heat map a group that has pairs."""
    groups = [g for g in comparison.groups if g.pairs and g.config.benchmark.common]
    cells = [differences(group) for group in groups]
    reach = max([0.01, *(abs(d.mean) for rows in cells for row in rows for d in row if d)])
    parts = tuple(_heat(group, rows, reach) for group, rows in zip(groups, cells, strict=True))
    made = sorted({source(g.config.benchmark) for g in groups})
    caption = f"{_HEAT} Shown are {' and '.join(made)}."
    return Figure("corruptions", "AC − residual by corruption", caption, parts) if parts else None


def differences(group: Group) -> Differences:
    """A row for each corruption, a column for each severity."""
    spec = group.config.benchmark
    # of each record, looked up once: a map has 75 cells
    known = {
        id(record): {(s.corruption, s.level): s.accuracy[-1] for s in record.result.corruptions}
        for record in group.records
    }

    def difference(name: str, severity: int) -> Difference | None:
        return group.difference_of(lambda r: known[id(r)].get((name, severity)), "higher")

    return [[difference(name, severity) for severity in spec.severities] for name in spec.common]


def _heat(group: Group, rows: Differences, reach: float) -> Drawing:
    spec = group.config.benchmark
    high, wide = len(rows), len(spec.severities)
    ax = Axes("AC − residual, points")
    colours = [[_colour(d, reach) for d in row] for row in rows]
    ax.cells(colours, (0, wide), (0, high), parted=True)
    for y, row in enumerate(rows):
        for x, d in enumerate(row):
            if d is not None:
                ink = "white" if abs(d.mean) > 0.55 * reach else INK
                ax.words(x + 0.5, y + 0.5, _number(d), ink, 7)
    names = [f"{wording.key(n)}  {_mean(row)}" for n, row in zip(spec.common, rows, strict=True)]
    ax.y.ticks = [(k + 0.5, name) for k, name in enumerate(names)]
    ax.x.ticks = [(k + 0.5, str(severity)) for k, severity in enumerate(spec.severities)]
    ax.x.lined = ax.y.lined = False
    ax.x.low, ax.x.high, ax.y.low, ax.y.high = 0, wide, high, 0
    ax.x.label = "severity"
    svg = grid.grid([ax], ROW * high, columns=1, width=COLUMN * wide)
    overall = _mean([d for row in rows for d in row])
    alt = f"AC − residual by corruption and severity, {group.label}: mean {overall} points."
    return Drawing(group.label, svg, alt)


def _colour(d: Difference | None, reach: float) -> str:
    """Orange to blue; empty where there is no pair."""
    return "" if d is None else style.between(DIVERGING, (d.mean + reach) / (2 * reach))


def _number(d: Difference) -> str:
    """A cell's difference in points; with a star where its interval misses zero."""
    decided = d.interval is not None and (d.interval[0] > 0 or d.interval[1] < 0)
    return f"{wording.number(100 * d.mean, 1, sign=True)}{'*' if decided else ''}"


def _mean(row: Sequence[Difference | None]) -> str:
    known = [100 * d.mean for d in row if d is not None]
    return wording.number(sum(known) / len(known), 1, sign=True) if known else wording.NONE
