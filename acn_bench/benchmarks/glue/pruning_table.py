"""GLUE score of pruned networks at full and at utilised depth, arm by arm."""

from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.depth_metrics import utilised_depth
from acn_bench.analysis.groups import Group
from acn_bench.benchmarks.glue import measures
from acn_bench.benchmarks.glue.record import GlueRecord
from acn_bench.reports import views
from acn_bench.reports.model import Cell, Column, Note, Rows, Section, Table
from acn_bench.reports.sections.section import ReportSection

_HOW = (
    "GLUE score in %, mean ± standard deviation over seeds; the difference is paired by seed, with its 95 % t-interval. "
    "Weights left: the share of the weights of the blocks' Linears that are not zero. The utilised depth is that of the "
    "network before it was pruned after training, chosen on held-out rows."
)


def build(comparison: Comparison) -> Section | None:
    """One table a group that was pruned; None where there is none."""
    tables = tuple(
        _table(comparison, g) for g in comparison.groups if all(r.result.pruned for r in g.records)
    )
    if not tables:
        return None
    return Section("pruning", "Pruned networks", (Note(_HOW, "how"), *tables), "Pruning")


def _table(comparison: Comparison, group: Group) -> Table:
    columns = (Column("Weights left"), *views.arm_columns(comparison))
    rows: list[tuple[Cell, ...]] = []
    for k, pruned in enumerate(group.records[0].result.pruned):
        left = f"{100 * pruned.left / pruned.total:.3g} %"
        rows.append(_row(comparison, group, left, k, cut=False))
        rows.append(_row(comparison, group, f"{left}, cut to utilised depth", k, cut=True))
    aside = f"n = {views.runs(group)}"
    return Table(columns, (Rows(tuple(rows)),), group.label, aside, look="quality")


def _row(
    comparison: Comparison, group: Group, title: str, k: int, *, cut: bool
) -> tuple[Cell, ...]:
    def measure(record: GlueRecord) -> float | None:
        depth = utilised_depth(record) if cut else -1
        made = measures.pruned_scores(record)
        return None if depth is None or k >= len(made) else made[k][1][depth]

    def of_arm(arm: str) -> str:
        if arm not in group.arms:
            return "–"
        return views.shown("%", group.arms[arm].cell_of(measure), views.runs(group))

    return views.row_cells(
        views.QualityRow(
            title,
            tuple(of_arm(arm) for arm in comparison.arms),
            tuple(
                views.against("%", group.difference_of(measure, "higher", baseline))
                for baseline in comparison.baselines
            ),
        )
    )


PRUNING_TABLE = ReportSection("pruning", 47, build)
