"""Rankings -> critical-difference diagrams: strategies at their mean ranks, a bar over those that are not parted."""

from collections.abc import Iterator, Sequence

from acn_bench import wording
from acn_bench.analysis import ties
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import arm_title
from acn_bench.analysis.ties import Ranking
from acn_bench.reports.figures import grid, style
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.figures.style import INK, QUIET
from acn_bench.reports.model import Drawing, Figure

PANELS = 6  # of a drawing: what fits on one page
CLOSE = 9  # ranks: of more every other one is named
_BAR, _ROW = 0.55, 1.0  # heights of a bar and of a name, in rows
_NAMES = 0.62  # room for the names on either side, as a share of the scale
_CAPTION = (
    "Each strategy stands at its mean rank over seeds, 1 being the best; beside its name its mean. Strategies below one "
    "bar are tied: no two of them are parted by paired t-tests over seeds, with Holm's correction over all pairs of the "
    "panel. With few seeds much is tied, and a rank within a bar means nothing."
)


def draw(comparison: Comparison, metric: str) -> Figure | None:
    """One panel a setting and arm; None for fewer than three strategies."""
    rankings = ties.rankings(comparison, metric)
    if not rankings:
        return None
    title = f"Which strategies are tied: {rankings[0].metric.title.lower()}"
    parts = tuple(_drawings(rankings))
    return Figure(f"{metric}-ties", title, _CAPTION, parts)


def _drawings(rankings: Sequence[Ranking]) -> Iterator[Drawing]:
    for start in range(0, len(rankings), PANELS):
        shown = rankings[start : start + PANELS]
        rows = max(_rows(r) for r in shown)
        axes = [_panel(r, rows) for r in shown]
        svg = grid.grid(axes, 13 * rows, columns=min(2, len(axes)), share=False)
        yield Drawing("", svg, " ".join(map(_alt, shown)))


def _rows(ranking: Ranking) -> float:
    """How high a panel is, in rows: the scale, the bars, the names of one side."""
    return 1.2 + _BAR * len(ranking.bars) + _ROW * -(-len(ranking.entries) // 2)


def _panel(ranking: Ranking, rows: float) -> Axes:
    ax, count = Axes(f"{arm_title(ranking.arm)} · {ranking.setting}"), len(ranking.entries)
    colour, room = style.look(ranking.arm).colour, _NAMES * (count - 1)
    ax.bare()
    ax.x.low, ax.x.high, ax.y.low, ax.y.high = 1 - room, count + room, rows, 0.0
    top = 1.0
    ax.line([1, count], [top, top], QUIET, 0.9)
    for rank in range(1, count + 1):
        ax.line([rank, rank], [top - 0.2, top], QUIET, 0.9)
        if count <= CLOSE or rank % 2:
            ax.words(rank, top - 0.6, str(rank), QUIET)
    for k, (first, last) in enumerate(ranking.bars):
        ends = [ranking.entries[first].rank - 0.04, ranking.entries[last].rank + 0.04]
        ax.line(ends, [top + _BAR * (k + 0.8)] * 2, INK, 3.2)
    half = -(-count // 2)
    for place, entry in enumerate(ranking.entries):
        left = place < half
        row = place if left else count - 1 - place
        y = top + _BAR * len(ranking.bars) + _ROW * (row + 0.6)
        end = 1 - 0.04 * count if left else count + 0.04 * count
        ax.line([entry.rank, entry.rank, end], [top, y, y], colour, 0.9)
        ax.markers([entry.rank], [top], style.look(ranking.arm).marker, colour, 4)
        mean = wording.shown(ranking.metric.unit, entry.cell.mean)
        words = f"{entry.strategy}  {mean}"
        gap = 0.02 * count
        ax.words(end - gap if left else end + gap, y, words, INK, 7.5, "end" if left else "start")
    return ax


def _alt(ranking: Ranking) -> str:
    """The ranks and the ties in words."""
    names = [entry.strategy for entry in ranking.entries]
    ranks = ", ".join(f"{e.strategy} {wording.number(e.rank, 1)}" for e in ranking.entries)
    tied = "; ".join(wording.listed(names[i : j + 1]) for i, j in ranking.bars)
    where = f"{arm_title(ranking.arm)}, {ranking.setting}"
    return f"{where}: mean ranks {ranks}; tied: {tied or 'none'}."
