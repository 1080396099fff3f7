"""Every score of every condition, arm by arm: accuracy, NLL, calibration error and Brier score by severity."""

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Group, arm_title
from acn_bench.analysis.metric import Measure
from acn_bench.benchmarks.robustness import measures
from acn_bench.benchmarks.robustness.measures import Score
from acn_bench.benchmarks.robustness.record import RobustnessRecord
from acn_bench.benchmarks.robustness.report import jpeg_note
from acn_bench.benchmarks.robustness.result import Scores
from acn_bench.benchmarks.robustness.spec import RobustnessSpec
from acn_bench.reports import views
from acn_bench.reports.model import Cell, Column, Note, Rows, Section, Table
from acn_bench.reports.sections.section import ReportSection

_HOW = (
    "Means over seeds at full depth, all four scores of the same predictions. A row has one number for each level of a "
    "noise, or for each severity of a corruption, in ascending order."
)
Condition = tuple[str, list[float]]  # a corruption and its levels
Key = tuple[str, float]  # a corruption and one level
_SCORES: tuple[tuple[Score, str, str], ...] = (
    ("accuracy", "%", "Accuracy, %"),
    ("nll", "nats", "NLL, nats"),
    ("ece", "%", "Calibration error in 15 bins, %"),
    ("brier", "score", "Brier score, in [0, 2]"),
)


def build(comparison: Comparison) -> Section:
    """One table a group, a part of it for each score."""
    tables = (_table(comparison, group) for group in comparison.groups)
    note = jpeg_note(comparison.groups)
    how = Note(f"{_HOW} {note}".rstrip(), "how")
    return Section("scores", "Every score by condition", (how, *tables), "Scores")


def _table(comparison: Comparison, group: Group) -> Table:
    arms = [Column(arm_title(arm), style=views.arm_style(arm)) for arm in comparison.arms]
    measured = {id(r): _by_condition(r) for r in group.records}  # once: a table has 300 cells
    conditions = _conditions(group.config.benchmark)

    def values(arm: str, condition: Condition, score: Score, unit: str) -> str:
        """The score of one arm at each level; an en dash where it was not run."""
        if arm not in group.arms:
            return wording.NONE
        name, levels = condition
        cells = (
            group.arms[arm].cell_of(_measure(measured, (name, level), score)) for level in levels
        )
        return _joined([wording.shown(unit, cell.mean) for cell in cells])

    def part(score: Score, unit: str, title: str) -> Rows:
        return Rows(
            tuple(
                (
                    Cell(_title(*condition)),
                    *(Cell(values(arm, condition, score, unit)) for arm in comparison.arms),
                )
                for condition in conditions
            ),
            title,
        )

    return Table(
        (Column("Condition"), *arms),
        tuple(part(*score) for score in _SCORES),
        group.label,
        f"n = {views.runs(group)}",
        parts_are="Score",
    )


def _conditions(spec: RobustnessSpec) -> list[Condition]:
    """Clean has no name and level 0."""
    return [
        ("", [0.0]),
        *((name, sorted(levels)) for name, levels in spec.noise.items()),
        *((name, sorted(map(float, spec.severities))) for name in spec.common),
    ]


def _by_condition(record: RobustnessRecord) -> dict[Key, Scores]:
    result = record.result
    scores: dict[Key, Scores] = {
        (s.corruption, s.level): s for s in (*result.noise, *result.corruptions)
    }
    scores["", 0.0] = result.clean
    return scores


def _measure(measured: dict[int, dict[Key, Scores]], key: Key, score: Score) -> Measure:
    """One score of a record under one condition; None where it was not measured."""
    return lambda r: measures.mean([s for s in [measured[id(r)].get(key)] if s], score)


def _title(name: str, levels: list[float]) -> str:
    """`fog 1 · 3 · 5`."""
    return f"{wording.key(name)} {_joined([f'{level:g}' for level in levels])}" if name else "clean"


def _joined(words: list[str]) -> str:
    return " · ".join(words)


SCORE_TABLE = ReportSection("scores", 48, build)
