"""Accuracy under an attack in Linf, step by step and on the same images at utilised depth, arm by arm."""

from collections.abc import Iterator

from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.depth_metrics import utilised_depth
from acn_bench.analysis.groups import Cell as Values
from acn_bench.analysis.groups import Group
from acn_bench.analysis.metric import Measure
from acn_bench.benchmarks.robustness import attack_metrics
from acn_bench.benchmarks.robustness.record import RobustnessRecord
from acn_bench.benchmarks.robustness.spec import RobustnessSpec
from acn_bench.record import Record
from acn_bench.reports import views
from acn_bench.reports.model import Cell, Column, Note, Rows, Section, Table
from acn_bench.reports.sections.section import ReportSection

_HOW = (
    "Accuracy in %, mean ± standard deviation over seeds; the difference is paired by seed, with its 95 % t-interval. "
    "Each step attacks the images that those before it left correct. Gradient masking is looked for: a failed guard "
    "says that an attack without gradients broke images that the others left correct, and then a robust accuracy is no "
    "evidence."
)
_CUT = (
    "The adversarial images were made at full depth: at utilised depth they are a transferred attack, and their accuracy "
    "is an upper bound."
)


def build(comparison: Comparison) -> Section | None:
    """One table a group with an attack; None where there is none."""
    tables = tuple(
        _table(comparison, group)
        for group in comparison.groups
        if group.config.benchmark.linf is not None
    )
    if not tables:
        return None
    return Section("attack", "Accuracy under attack", (Note(_HOW, "how"), *tables), "Under attack")


def _table(comparison: Comparison, group: Group) -> Table:
    columns = (Column("Attacked images"), *views.arm_columns(comparison))
    rows = tuple(_row(comparison, group, *named) for named in _rows(group.config.benchmark))
    return Table(
        columns, (Rows(rows),), group.label, f"n = {views.runs(group)}",
        notes=(Note(_CUT),), look="quality",
    )  # fmt: skip


def _row(comparison: Comparison, group: Group, title: str, measure: Measure) -> tuple[Cell, ...]:
    return views.row_cells(
        views.QualityRow(
            title,
            tuple(
                views.shown("%", _values(group, arm, measure), views.runs(group))
                for arm in comparison.arms
            ),
            tuple(
                views.against("%", group.difference_of(measure, "higher", baseline))
                for baseline in comparison.baselines
            ),
        )
    )


def _values(group: Group, arm: str, measure: Measure) -> Values:
    return group.arms[arm].cell_of(measure) if arm in group.arms else Values({}, 0)


def _rows(spec: RobustnessSpec) -> Iterator[tuple[str, Measure]]:
    assert spec.linf is not None
    yield "without an attack", attack_metrics.unattacked
    for k, step in enumerate(spec.linf.steps):
        yield f"after {step.upper()}", _after(k)
    yield "adversarial images at utilised depth", _at_utilised_depth


def _after(k: int) -> Measure:
    def measure(record: Record) -> float | None:
        made: RobustnessRecord = record
        attack = made.result.attack
        return None if attack is None else attack.steps[k].correct / attack.images

    return measure


def _at_utilised_depth(record: RobustnessRecord) -> float | None:
    k, attack = utilised_depth(record), record.result.attack
    return None if k is None or attack is None else attack.accuracy[k]


ATTACK_TABLE = ReportSection("attack", 46, build)
