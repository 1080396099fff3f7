"""What each arm cost: time, images, parameters, work and memory."""

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Arm, Group
from acn_bench.analysis.metric import Metric
from acn_bench.reports import views
from acn_bench.reports.model import Cell, Column, Rows, Section, Table
from acn_bench.reports.sections.section import ReportSection

_AT_DEPTH = {name: f"{name}_utilised" for name in ("parameters", "flops")}
_CAPTION = (
    "Mean ± standard deviation over seeds. Where a cell holds an arrow, the second number is of the network cut to "
    "its utilised depth, mean over seeds."
)


def build(comparison: Comparison) -> Section | None:
    """One row an arm; a metric at utilised depth shares the column of the whole network's."""
    metrics = [m for m in comparison.kind.table("cost") if m.name not in set(_AT_DEPTH.values())]
    if not metrics:
        return None
    columns = (Column("Wiring"), *(Column(_heading(metric)) for metric in metrics))
    parts = tuple(
        Rows(
            tuple(_row(group, arm, metrics) for arm in group.arms.values()),
            group.label,
            f"n = {views.runs(group)}",
        )
        for group in comparison.groups
    )
    return Section("cost", "Cost", (Table(columns, parts, caption=_CAPTION),))


def _heading(metric: Metric) -> str:
    return f"{metric.title}, {metric.unit}".replace(", images", "")


def _row(group: Group, arm: Arm, metrics: list[Metric]) -> tuple[Cell, ...]:
    cells = (Cell(_text(group, arm.name, metric)) for metric in metrics)
    return (Cell(arm.title, style=views.arm_style(arm.name)), *cells)


def _text(group: Group, arm: str, metric: Metric) -> str:
    """Full size, then → at utilised depth where it has a value."""
    text = views.cell(metric, group.cell(arm, metric.name), views.runs(group))
    at_depth = group.kind.metrics.get(_AT_DEPTH.get(metric.name, ""))
    cell = group.cell(arm, at_depth.name) if at_depth else None
    return f"{text} → {wording.shown(metric.unit, cell.mean)}" if cell and cell.n else text


COSTS = ReportSection("cost", 90, build)
