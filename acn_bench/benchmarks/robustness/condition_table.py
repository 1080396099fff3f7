"""Accuracy of every condition, arm by arm, with the paired difference: clean, noise levels, corruptions."""

from collections.abc import Callable, Sequence

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Group
from acn_bench.benchmarks.robustness import measures
from acn_bench.benchmarks.robustness.accuracy_row import Accuracy, row
from acn_bench.benchmarks.robustness.measures import Conditions
from acn_bench.benchmarks.robustness.record import RobustnessRecord
from acn_bench.benchmarks.robustness.report import source
from acn_bench.benchmarks.robustness.result import Scores
from acn_bench.benchmarks.robustness.spec import RobustnessSpec
from acn_bench.reports import views
from acn_bench.reports.model import Column, Note, Rows, Section, Table
from acn_bench.reports.sections.section import ReportSection

_HOW = (
    "Test accuracy at full depth in %, mean ± standard deviation over seeds; the difference is paired by seed, with its "
    "95 % t-interval. A corruption is the mean over its severities. The intervals are not corrected for their number."
)


def build(comparison: Comparison) -> Section:
    """One table a group."""
    tables = (_table(comparison, group) for group in comparison.groups)
    return Section(
        "conditions", "Accuracy by condition", (Note(_HOW, "how"), *tables), "By condition"
    )


def _table(comparison: Comparison, group: Group) -> Table:
    columns = (Column("Condition"), *views.arm_columns(comparison))
    spec = group.config.benchmark
    clean, noise, common = (
        tuple(row(comparison, group, accuracy) for accuracy in accuracies)
        for accuracies in _accuracies(spec)
    )
    parts = [
        Rows(clean),
        Rows(noise, "Noise"),
        Rows(common, "Common corruptions", source(spec)),
    ]
    aside = f"n = {views.runs(group)}"
    filled = tuple(part for part in parts if part.rows)
    notes = (Note(views.ONE_PAIR),) if len(group.pairs) == 1 else ()
    return Table(columns, filled, group.label, aside, notes=notes, parts_are="Condition", look="quality")  # fmt: skip


def _accuracies(
    spec: RobustnessSpec,
) -> tuple[list[Accuracy], list[Accuracy], list[Accuracy]]:
    """Clean; under each noise level; under each corruption."""
    noise = [
        _accuracy(f"{wording.key(name)} {level:g}", _of(name, level))
        for name, levels in spec.noise.items()
        for level in levels
    ]
    common = [_accuracy(wording.key(name), _of(name)) for name in spec.common]
    return [_accuracy("clean", lambda record: [record.result.clean])], noise, common


def _accuracy(title: str, scores: Callable[[RobustnessRecord], Sequence[Scores]]) -> Accuracy:
    """The mean over the conditions of a row."""
    return Accuracy(
        title,
        lambda record: measures.mean(scores(record)),
        lambda record: measures.outcomes(scores(record), record.result.rows.test),
    )


def _of(name: str, level: float | None = None) -> Conditions:
    """One corruption, at one level or at all."""
    return lambda record: [
        s
        for s in (*record.result.noise, *record.result.corruptions)
        if s.corruption == name and level in (None, s.level)
    ]


CONDITION_TABLE = ReportSection("conditions", 45, build)
