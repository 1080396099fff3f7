"""Strategies in place of ranks: best first, with letters that tied strategies share."""

from acn_bench import wording
from acn_bench.analysis import ties
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import arm_title
from acn_bench.analysis.ties import Ranking
from acn_bench.reports import views
from acn_bench.reports.model import Cell, Column, Note, Rows, Section, Table
from acn_bench.reports.sections.section import ReportSection

METRIC = "average_accuracy"
_HOW = (
    "Strategies that share a letter are tied: paired t-tests over the seeds do not part any two of them, with Holm's "
    "correction over all pairs of one arm. The rank is the mean over seeds, 1 being the best."
)


def build(comparison: Comparison) -> Section | None:
    """One part a setting and arm; None for fewer than three strategies."""
    rankings = ties.rankings(comparison, METRIC)
    if not rankings:
        return None
    title = views.metric_title(rankings[0].metric)
    columns = (
        Column("Strategy", "label"),
        Column(title),
        Column("Mean rank"),
        Column("Tied", "text"),
    )
    table = Table(columns, tuple(map(_part, rankings)), parts_are="Arm")
    return Section("ties", "Which strategies are tied", (Note(_HOW, "how"), table), "Ties")


def _part(ranking: Ranking) -> Rows:
    rows = tuple(
        (
            Cell(entry.strategy),
            Cell(views.cell(ranking.metric, entry.cell, ranking.seeds)),
            Cell(wording.number(entry.rank, 1)),
            Cell(ranking.letters(place) or wording.NONE),
        )
        for place, entry in enumerate(ranking.entries)
    )
    return Rows(rows, f"{arm_title(ranking.arm)} · {ranking.setting}", f"n = {ranking.seeds}")


TIES = ReportSection("ties", 35, build)
