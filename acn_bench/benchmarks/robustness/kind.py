"""The kind `robustness`: train on clean images, then measure clean, noisy and corrupted test images."""

from acn_bench.analysis.final_model import FinalModel
from acn_bench.benchmarks.kind import Kind
from acn_bench.benchmarks.robustness import attack_report, measures, report
from acn_bench.benchmarks.robustness.metrics import TABLES
from acn_bench.benchmarks.robustness.record import RobustnessRecord
from acn_bench.benchmarks.robustness.result import RobustnessResult, validate
from acn_bench.benchmarks.robustness.spec import ATTACK_MODULE, TRAINED_MODULE, RobustnessSpec


def final_model(record: RobustnessRecord) -> FinalModel:
    """The trained network on clean images."""
    result = record.result
    has_depths = len(result.clean.accuracy) > 1
    held_out = result.validation if has_depths else None
    return FinalModel(
        result.clean.accuracy if has_depths else None,
        None if held_out is None else held_out.accuracy,
        result.rows.validation,
        None if held_out is None else result.changes,
        measures.chance(record),
        result.held_out_most_frequent or measures.chance(record),
    )


def outcome(record: RobustnessRecord) -> object:
    """What two records of the same run must share."""
    result = record.result
    attacked = [] if result.attack is None else [s.correct for s in result.attack.steps]
    return [s.accuracy for s in (result.clean, *result.noise, *result.corruptions)], attacked


KIND = Kind(
    spec=RobustnessSpec,
    result=RobustnessResult,
    inputs="image",
    reads_folders=True,  # of networks that were trained before
    planning="acn_bench.benchmarks.robustness.cost",
    protocol="acn_bench.benchmarks.robustness.protocol",
    sections="acn_bench.benchmarks.robustness.report_sections:SECTIONS",
    tables=TABLES,
    trained_modules=(TRAINED_MODULE,),
    modules=lambda spec: () if spec.linf is None else (ATTACK_MODULE,),
    example="acn_bench.benchmarks.robustness.example",
    validate=validate,
    describe=report.describe,
    summary=report.summary,
    final_model=final_model,
    outcome=outcome,
    setting=report.setting,
    chance_level=report.chance_level,
    practice=report.practice,
    caveats=report.caveats,
    matched=lambda record: measures.reached(record) is not False,
    not_comparable=report.not_comparable,
    expenses=attack_report.expenses,
    unlisted=frozenset({"name", "validation", "scheme"}),
    other_experiment=("data", "official", "official_set"),
)
