"""Accuracy of every condition, arm by arm, with the paired difference: clean, noise levels, corruptions."""

from collections.abc import Iterator
from math import sqrt

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Cell as Values
from acn_bench.analysis.groups import Group
from acn_bench.analysis.metric import Measure
from acn_bench.benchmarks.robustness import measures
from acn_bench.benchmarks.robustness.record import RobustnessRecord
from acn_bench.benchmarks.robustness.report import source
from acn_bench.record import Record
from acn_bench.reports import views
from acn_bench.reports.model import Cell, Column, Note, Rows, Section, Table
from acn_bench.reports.sections.section import ReportSection

_HOW = (
    "Test accuracy at full depth in %, mean ± standard deviation over seeds; the difference is paired by seed, with its "
    "95 % t-interval. A corruption is the mean over its severities. The intervals are not corrected for their number."
)
_ONE_PAIR = (
    "There is one pair: its intervals are over the test images, as if each arm had images of its own (normal "
    "approximation). They say nothing about another training, and decide no verdict."
)
NORMAL = 1.96  # the 97.5 % point of the normal distribution


def build(comparison: Comparison) -> Section:
    """One table a group."""
    tables = (_table(comparison, group) for group in comparison.groups)
    return Section(
        "conditions", "Accuracy by condition", (Note(_HOW, "how"), *tables), "By condition"
    )


def _table(comparison: Comparison, group: Group) -> Table:
    columns = (Column("Condition"), *views.arm_columns(comparison))
    spec = group.config.benchmark
    parts = [
        Rows((_row(comparison, group, "clean", _clean),)),
        Rows(tuple(_row(comparison, group, *row) for row in _noise(group)), "Noise"),
        Rows(
            tuple(_row(comparison, group, *row) for row in _common(group)),
            "Common corruptions",
            source(spec),
        ),
    ]
    aside = f"n = {views.runs(group)}"
    filled = tuple(part for part in parts if part.rows)
    notes = (Note(_ONE_PAIR),) if len(group.pairs) == 1 else ()
    return Table(columns, filled, group.label, aside, notes=notes, parts_are="Condition", look="quality")  # fmt: skip


def _row(comparison: Comparison, group: Group, title: str, measure: Measure) -> tuple[Cell, ...]:
    cells = {arm: group.arms[arm].cell_of(measure) for arm in group.arms}
    row = views.QualityRow(
        title,
        tuple(_accuracy(cells.get(arm, Values({}, 0)), group) for arm in comparison.arms),
        tuple(_against(group, measure, baseline) for baseline in comparison.baselines),
    )
    return views.row_cells(row)


def _against(group: Group, measure: Measure, baseline: str) -> tuple[str, str, str]:
    """A paired difference, its interval and how many pairs it is over; of one pair the interval over images."""
    d = group.difference_of(measure, "higher", baseline)
    change, interval, pairs = views.against("%", d)
    if d is not None and d.n == 1:
        (seed,) = d.values
        ac, other = (group.arms[arm].cell_of(measure).values[seed] for arm in ("ac", baseline))
        over = over_images(ac, other, group.records[0].result.rows.test)
        interval = wording.bracket("%", d.mean, over)
    return change, interval, pairs


def over_images(ac: float, other: float, images: int) -> tuple[float, float]:
    """95 % interval of a difference of two accuracies over the same images, as if each arm had images of its own.

    Normal approximation. Too wide where both arms err on the same images, and for means over conditions.
    """
    half = NORMAL * sqrt((ac * (1 - ac) + other * (1 - other)) / images)
    return (ac - other - half, ac - other + half)


def _accuracy(values: Values, group: Group) -> str:
    return views.shown("%", values, views.runs(group))


def _clean(record: Record) -> float:
    made: RobustnessRecord = record
    return made.result.clean.accuracy[-1]


def _noise(group: Group) -> Iterator[tuple[str, Measure]]:
    for name, levels in group.config.benchmark.noise.items():
        for level in levels:
            yield f"{wording.key(name)} {level:g}", _of(name, level)


def _common(group: Group) -> Iterator[tuple[str, Measure]]:
    for name in group.config.benchmark.common:
        yield wording.key(name), _of(name)


def _of(name: str, level: float | None = None) -> Measure:
    """Mean accuracy under one corruption, at one level or at all."""

    def measure(record: Record) -> float | None:
        scores = (*record.result.noise, *record.result.corruptions)
        return measures.mean(
            [s for s in scores if s.corruption == name and level in (None, s.level)]
        )

    return measure


CONDITION_TABLE = ReportSection("conditions", 45, build)
