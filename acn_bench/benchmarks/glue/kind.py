"""The kind `glue`: fine-tune a text network on a task of GLUE, and measure its scores at every depth."""

from acn_bench.analysis.final_model import FinalModel
from acn_bench.benchmarks.glue import measures, report
from acn_bench.benchmarks.glue.metrics import TABLES
from acn_bench.benchmarks.glue.record import GlueRecord
from acn_bench.benchmarks.glue.result import GlueResult, validate
from acn_bench.benchmarks.glue.spec import GlueSpec
from acn_bench.benchmarks.kind import Kind


def final_model(record: GlueRecord) -> FinalModel:
    """The fine-tuned network: its accuracy, or its mean correlation of a regression."""
    result, task = record.result, measures.task(record)
    first = next(iter(result.tests.values()))
    return FinalModel(
        measures.curve(first, task),
        measures.curve(result.validation, task),
        result.validation.rows,
        result.changes or None,
        measures.chance(record),
        measures.most_frequent(result.validation),
    )


def outcome(record: GlueRecord) -> object:
    """What two records of the same run must share."""
    pruned = [p.tests for p in record.result.pruned]
    return record.result.tests, record.result.validation, pruned


KIND = Kind(
    spec=GlueSpec,
    result=GlueResult,
    inputs="text",
    planning="acn_bench.benchmarks.glue.cost",
    protocol="acn_bench.benchmarks.glue.protocol",
    sections="acn_bench.benchmarks.glue.report_sections:SECTIONS",
    tables=TABLES,
    example="acn_bench.benchmarks.glue.example",
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
    other_experiment=("task", "embedded"),
)
