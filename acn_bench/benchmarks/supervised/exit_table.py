"""Early exit at every threshold: accuracy, blocks and FLOPs, arm by arm."""

from collections.abc import Iterator

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Arm, Cell, Group
from acn_bench.benchmarks.supervised import measures
from acn_bench.benchmarks.supervised.record import SupervisedRecord
from acn_bench.benchmarks.supervised.result import ExitCounts
from acn_bench.reports import model, views
from acn_bench.reports.model import Column, Note, Rows, Section, Table
from acn_bench.reports.sections.section import ReportSection

_HOW = (
    "An image leaves at the first exit where the entropy of its softmax, in nats, is below the threshold. The speed-up is "
    "the FLOPs of the whole network without exits ÷ those with exits, mean over test images. Mean ± standard deviation "
    "over seeds."
)
_COLUMNS = (
    Column("Arm", "label"),
    Column("Threshold, nats"),
    Column("Accuracy, %"),
    Column("Blocks"),
    Column("Speed-up, ×"),
)


def build(comparison: Comparison) -> Section | None:
    """One table; a part for each group that was measured with early exit."""
    groups = [g for g in comparison.groups if all(r.result.exits for r in g.records)]
    parts = tuple(Rows(tuple(_rows(g)), g.label, f"n = {views.runs(g)}") for g in groups)
    if not parts:
        return None
    return Section("exits", "Early exit", (Note(_HOW, "how"), Table(_COLUMNS, parts)), "Early exit")


def _rows(group: Group) -> Iterator[tuple[model.Cell, ...]]:
    for arm in group.arms.values():
        for k, threshold in enumerate(group.config.benchmark.exit_thresholds):
            yield _row(group, arm, k, threshold)


def _row(group: Group, arm: Arm, k: int, threshold: float) -> tuple[model.Cell, ...]:
    def counts(record: SupervisedRecord) -> ExitCounts:
        assert record.result.exits is not None
        return record.result.exits.counts[k]

    values: list[tuple[str, Cell]] = [
        ("%", arm.cell_of(lambda r: sum(counts(r).correct) / r.result.rows.test)),
        ("blocks", arm.cell_of(lambda r: measures.mean_exit(r, counts(r)))),
        ("×", arm.cell_of(lambda r: measures.exit_speed_up(r, counts(r)))),
    ]
    return (
        model.Cell(arm.title, style=views.arm_style(arm.name)),
        model.Cell(wording.setting(threshold)),
        *(model.Cell(views.shown(unit, value, views.runs(group))) for unit, value in values),
    )


EXIT_TABLE = ReportSection("exits", 47, build)
