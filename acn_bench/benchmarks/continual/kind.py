"""The kind `continual`: classes that arrive in experiences, one after the other."""

from acn_bench.analysis.final_model import FinalModel, over_experiences
from acn_bench.benchmarks.continual import noise_cost, report
from acn_bench.benchmarks.continual.definitions import chance, held_out_chance
from acn_bench.benchmarks.continual.metrics import TABLES
from acn_bench.benchmarks.continual.record import ContinualRecord
from acn_bench.benchmarks.continual.result import ContinualResult, validate
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.benchmarks.kind import Kind


def final_model(record: ContinualRecord) -> FinalModel:
    """The model after the last experience."""
    result, held = record.result, record.result.validation
    return FinalModel(
        over_experiences(result.depth_accuracy),
        over_experiences(held.depth_accuracy),
        sum(held.counts),
        held.changes,
        chance(record),
        held_out_chance(record),
    )


KIND = Kind(
    spec=ContinualSpec,
    result=ContinualResult,
    inputs="image",
    planning="acn_bench.benchmarks.continual.cost",
    protocol="acn_bench.benchmarks.continual.protocol",
    sections="acn_bench.benchmarks.continual.report_sections:SECTIONS",
    tables=TABLES,
    example="acn_bench.benchmarks.continual.example",
    validate=validate,
    describe=report.describe,
    summary=report.summary,
    final_model=final_model,
    outcome=lambda record: record.result.accuracy,
    effects=("average_accuracy", "forgetting"),
    setting=report.setting,
    chance_level=report.chance_level,
    chance_varies=lambda record: not record.config.benchmark.task_incremental,
    practice=report.practice,
    caveats=report.caveats,
    not_comparable=report.not_comparable,
    expenses=noise_cost.expenses,
    unlisted=frozenset(
        {
            *("name", "arguments", "noise", "noise_after", "validation", "linear_probe"),
            *("select", "select_start", "select_decay", "select_drop", "select_tries"),
        }
    ),
    other_experiment=("data", "experiences", "classes_per_experience", "heads"),
)
