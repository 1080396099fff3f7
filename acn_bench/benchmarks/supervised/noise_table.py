"""Accuracy of every level of noise, arm by arm, with the paired difference."""

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Group
from acn_bench.analysis.metric import Measure
from acn_bench.benchmarks.supervised import measures
from acn_bench.reports import views
from acn_bench.reports.model import Cell, Column, Note, Rows, Section, Table
from acn_bench.reports.sections.section import ReportSection

_HOW = (
    "Test accuracy at full depth in %, mean ± standard deviation over seeds; the difference is paired by seed, with its "
    "95 % t-interval. The intervals are not corrected for their number."
)


def build(comparison: Comparison) -> Section | None:
    """One table a group that was measured under noise."""
    groups = [g for g in comparison.groups if g.config.benchmark.noise]
    tables = tuple(_table(comparison, group) for group in groups)
    if not tables:
        return None
    return Section("conditions", "Accuracy under noise", (Note(_HOW, "how"), *tables), "Noise")


def _table(comparison: Comparison, group: Group) -> Table:
    columns = (Column("Noise"), *views.arm_columns(comparison))
    rows = [_row(comparison, group, "clean", measures.accuracy)]
    for name, levels in group.config.benchmark.noise.items():
        rows += [
            _row(comparison, group, f"{wording.key(name)} {level:g}", _of(name, level))
            for level in levels
        ]
    aside = f"n = {views.runs(group)}"
    return Table(columns, (Rows(tuple(rows)),), group.label, aside, parts_are="Noise", look="quality")  # fmt: skip


def _of(name: str, level: float) -> Measure:
    return lambda r: measures.mean(r, [n for n in measures.noise(name)(r) if n.level == level])


def _row(comparison: Comparison, group: Group, title: str, measure: Measure) -> tuple[Cell, ...]:
    cells = (
        views.shown("%", group.arms[arm].cell_of(measure), views.runs(group))
        if arm in group.arms
        else wording.NONE
        for arm in comparison.arms
    )
    against = (
        views.against("%", group.difference_of(measure, "higher", baseline))
        for baseline in comparison.baselines
    )
    return views.row_cells(views.QualityRow(title, tuple(cells), tuple(against)))


NOISE_TABLE = ReportSection("conditions", 45, build)
