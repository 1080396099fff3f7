"""Every run by its name, with its seeds and its main metrics."""

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import kind_of
from acn_bench.analysis.metric import Metric
from acn_bench.record import Record
from acn_bench.reports import views
from acn_bench.reports.model import Cell, Column, Rows, Section, Table
from acn_bench.reports.sections.section import ReportSection

_CAPTION = "Seeds are those of class order, initial weights, data and noise. A run's name is that of its record file."


def build(comparison: Comparison) -> Section:
    """One row a run."""
    metrics = comparison.kind.table("runs")
    columns = (Column("Run"), Column("seeds"), *(Column(views.metric_title(m)) for m in metrics))
    rows = tuple(_row(record) for record in comparison.records)
    table = Table(columns, (Rows(rows),), caption=_CAPTION, look="small")
    return Section("runs", "Every run", (table,))


def _row(record: Record) -> tuple[Cell, ...]:
    name = f"{record.run_id}-{record.provenance.code[:8]}"
    cells = (Cell(_value(metric, record)) for metric in kind_of(record).table("runs"))
    return (Cell(name, style="code"), Cell(record.config.seeds.joined(", ")), *cells)


def _value(metric: Metric, record: Record) -> str:
    """A metric of one run; depths are whole numbers here."""
    value = metric.of(record)
    if metric.unit == "blocks" and value is not None:
        return f"{value:.0f}"
    return wording.shown(metric.unit, value)


RUNS = ReportSection("runs", 130, build)
