"""Each task of a stream: what was learned, what was forgotten, and how many blocks it uses."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from statistics import fmean

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Group
from acn_bench.benchmarks.glue_stream import measures
from acn_bench.benchmarks.glue_stream.record import GlueStreamRecord
from acn_bench.data.glue.tasks import TASKS
from acn_bench.reports.model import Cell, Column, Note, Rows, Section, Table
from acn_bench.reports.sections.section import ReportSection

Measure = Callable[[GlueStreamRecord, int], float | None]

_COLUMNS = (
    Column("Task", "label"),
    Column("Arm", "label"),
    Column("Accuracy,\nlearned"),
    Column("Accuracy,\nat the end"),
    Column("Forgotten,\npoints"),
    Column("Blocks,\nlearned"),
    Column("Blocks,\nat the end"),
)
_HOW = (
    "Means over seeds. Accuracy is of the development set, just after the task was learned and after the last task; what was "
    "forgotten is their difference, without seeds in which the task came last. Blocks: the utilised depth of the task, at one "
    "point of accuracy on its held-out texts; in brackets the number of seeds, where full depth is above the most frequent "
    "class by two standard errors."
)


def build(comparison: Comparison) -> Section | None:
    """One part a group."""
    parts = tuple(Rows(tuple(_rows(group)), group.label) for group in comparison.groups)
    table = Table(_COLUMNS, parts, look="narrow")
    return Section("tasks", "Each task", (Note(_HOW, "how"), table), "Tasks")


def _rows(group: Group) -> Iterator[tuple[Cell, ...]]:
    tasks = group.config.benchmark.tasks
    for t, name in enumerate(tasks):
        for arm in group.arms.values():
            yield (Cell(TASKS[name].title), Cell(arm.title), *_cells(arm.records, t))


def _cells(records: Sequence[GlueStreamRecord], task: int) -> Iterator[Cell]:
    for share in (measures.learned, measures.final, measures.forgotten):
        values = _values(records, task, share)
        yield Cell(f"{100 * fmean(values):.1f}" if values else wording.NONE)
    for at_end in (False, True):
        depths = _values(records, task, partial(measures.utilised_depth, at_end=at_end))
        yield Cell(f"{fmean(depths):.1f}" if depths else wording.NONE, f"{len(depths)}")


def _values(records: Sequence[GlueStreamRecord], task: int, measure: Measure) -> list[float]:
    return [v for r in records if (v := measure(r, task)) is not None]


TASK_TABLE = ReportSection("tasks", 92, build)
