"""How each metric of the tables is defined, and the source of the definition."""

from acn_bench.analysis import power
from acn_bench.analysis.comparison import Comparison
from acn_bench.reports import views
from acn_bench.reports.model import Cell, Column, Rows, Section, Table
from acn_bench.reports.sections.section import ReportSection

_CAPTION = (
    "T experiences, L blocks; R[i][j] is the test accuracy on experience j after learning experience i, both from 0; "
    "a[k] is an accuracy with the head after k blocks."
)
_COLUMNS = (Column("Metric"), Column("Definition", "text"), Column("Source", "text"))


def build(comparison: Comparison) -> Section:
    """One row a metric of quality or cost."""
    kind = comparison.kind
    rows = tuple(
        (Cell(views.metric_title(m)), Cell(m.definition), Cell(m.source))
        for m in (*kind.table("quality"), *kind.table("cost"))
    )
    if any(v.seeds_to_decide for v in comparison.verdicts):
        rows += ((Cell(power.TITLE), Cell(power.DEFINITION), Cell(power.SOURCE)),)
    table = Table(_COLUMNS, (Rows(rows),), caption=_CAPTION)
    return Section("metrics", "Metrics", (table,))


METRIC_DEFINITIONS = ReportSection("metrics", 110, build)
