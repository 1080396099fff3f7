"""Every definition of accuracy, forgetting and transfer, computed from the same matrices."""

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.metric import Metric
from acn_bench.reports import views
from acn_bench.reports.model import Cell, Column, Note, Rows, Section, Table
from acn_bench.reports.sections.section import ReportSection

_HOW = (
    "The same word has several definitions. Each is listed with its formula, its source and where Avalanche, "
    "mammoth, PyCIL or FACIL print it, computed from the same accuracy matrices: R[i][j] is the test accuracy on "
    "experience j after learning experience i, both from 0, of T. Mean ± standard deviation over seeds; the "
    "difference is paired by seed, with its 95 % t-interval."
)


def build(comparison: Comparison) -> Section | None:
    """One table, a part for each definition; None where the kind of benchmark lists none."""
    metrics = comparison.kind.table("definitions")
    if not metrics:
        return None
    columns = (Column("Group"), *views.arm_columns(comparison))
    parts = tuple(definition(comparison, metric) for metric in metrics)
    table = Table(columns, parts, parts_are="Definition")
    title = "Definitions of accuracy, forgetting and transfer"
    return Section("definitions", title, (Note(_HOW, "how"), table), "Definitions")


def definition(comparison: Comparison, metric: Metric) -> Rows:
    """One definition: a row for each group with a value, and the reason for each group without."""
    rows: list[tuple[Cell, ...]] = []
    reasons: dict[str, list[str]] = {}
    for group in comparison.groups:
        row = views.row(comparison, group, metric)
        if row is None:
            reasons.setdefault(metric.why_not(group.records[0]), []).append(group.label)
        else:
            rows.append(views.row_cells(row, group.label))
    everywhere = not rows and len(reasons) == 1
    notes = tuple(
        f"not defined here: {reason}"
        if everywhere
        else f"not defined for {wording.listed(labels)}: {reason}"
        for reason, labels in reasons.items()
    )
    lines = (metric.definition, metric.origin)
    return Rows(tuple(rows), views.metric_title(metric), lines=lines, notes=notes)


DEFINITION_TABLE = ReportSection("definitions", 100, build)
