"""The metrics of each group: every arm, and AC less each baseline."""

from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Group
from acn_bench.reports import views
from acn_bench.reports.model import Column, Note, Rows, Section, Table
from acn_bench.reports.sections.section import ReportSection

HOW = (
    "Mean ± standard deviation over n seeds; the difference is paired by seed, with its 95 % t-interval. "
    "↓ lower is better, ↑ higher is better."
)


def build(comparison: Comparison) -> Section:
    """One table a group."""
    other = "the other arms" if len(comparison.baselines) > 1 else "residual"
    title = f"AC compared with {other}"
    tables = (_table(comparison, group) for group in comparison.groups)
    return Section("quality", title, (Note(HOW, "how"), *tables))


def _table(comparison: Comparison, group: Group) -> Table:
    quality = views.quality(comparison, group)
    rows = tuple(map(views.row_cells, quality))
    notes = (Note(views.ONE_PAIR),) if any(row.over_images for row in quality) else ()
    columns = (Column("Metric"), *views.arm_columns(comparison))
    aside = f"n = {views.runs(group)}"
    return Table(
        columns, (Rows(rows),), title=group.label, aside=aside, notes=notes, look="quality"
    )


QUALITY = ReportSection("quality", 40, build)
