"""All groups in one table: lower bound first, upper bound last."""

from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import arm_title
from acn_bench.reports import views
from acn_bench.reports.model import Cell, Column, Rows, Section, Table
from acn_bench.reports.sections.section import ReportSection

BOUNDS = {"naive": "lower bound", "joint": "upper bound"}
_CAPTION = (
    "Mean ± standard deviation over seeds. Lower bound: nothing is done against forgetting. Upper bound: all "
    "experiences at once, for as many epochs; a strategy that trains on more images (table of costs) may lie above it."
)


def build(comparison: Comparison) -> Section | None:
    """One row a group; None for a single group."""
    if len(comparison.groups) < 2:
        return None
    metrics = [
        metric
        for metric in comparison.kind.table("overview")
        if any(g.cell(a, metric.name).n for g in comparison.groups for a in comparison.arms)
    ]
    if not metrics:
        return None
    first = comparison.groups[0]
    columns = [
        Column(
            arm_title(arm),
            style=views.arm_style(arm),
            group=views.metric_title(metric) + views.chance_suffix(metric, first),
        )
        for metric in metrics
        for arm in comparison.arms
    ]
    rows = [
        (
            Cell(group.label, BOUNDS.get(group.strategy, "")),
            *(
                Cell(views.cell(metric, group.cell(arm, metric.name), views.runs(group)))
                for metric in metrics
                for arm in comparison.arms
            ),
        )
        for group in comparison.groups
    ]
    bounded = any(g.strategy in BOUNDS for g in comparison.groups)
    caption = _CAPTION if bounded else _CAPTION.partition(" Lower")[0]
    table = Table((Column("Group", "label"), *columns), (Rows(tuple(rows)),), caption=caption)
    title = "Strategies side by side" if first.strategy else "Groups side by side"
    return Section("overview", title, (table,), "Side by side")


OVERVIEW = ReportSection("overview", 30, build)
