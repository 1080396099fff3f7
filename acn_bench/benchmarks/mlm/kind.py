"""The kind `mlm`: pre-train a text network on masked tokens, and measure it at every depth."""

from acn_bench.analysis.final_model import FinalModel
from acn_bench.benchmarks.kind import Kind
from acn_bench.benchmarks.mlm import report
from acn_bench.benchmarks.mlm.metrics import TABLES, chance, most_frequent
from acn_bench.benchmarks.mlm.record import MlmRecord
from acn_bench.benchmarks.mlm.result import MaskedScores, MlmResult, validate
from acn_bench.benchmarks.mlm.spec import MlmSpec


def final_model(record: MlmRecord) -> FinalModel:
    """The pre-trained network: its accuracy on masked tokens."""
    r = record.result
    return FinalModel(
        _curve(r.test),
        _curve(r.validation),
        r.validation.tokens,
        r.changes,
        chance(record),
        most_frequent(r.validation),
    )


def _curve(scores: MaskedScores) -> list[float]:
    return [n / scores.tokens for n in scores.correct]


def outcome(record: MlmRecord) -> object:
    """What two records of the same run must share."""
    return record.result.test, record.result.validation


KIND = Kind(
    spec=MlmSpec,
    result=MlmResult,
    inputs="text",
    planning="acn_bench.benchmarks.mlm.cost",
    protocol="acn_bench.benchmarks.mlm.protocol",
    sections="acn_bench.benchmarks.mlm.report_sections:SECTIONS",
    tables=TABLES,
    example="acn_bench.benchmarks.mlm.example",
    validate=validate,
    describe=report.describe,
    summary=report.summary,
    final_model=final_model,
    outcome=outcome,
    setting=report.setting,
    chance_level=report.chance_level,
    practice=report.practice,
    caveats=report.caveats,
    distributed=True,
    stop_seconds=60.0,
    not_comparable=report.not_comparable,
    unlisted=frozenset({"name", "validation", "checkpoint_hash"}),
    other_experiment=("data",),
)
