"""The kind `supervised`: train on images by a recipe, then measure every depth, noise and early exit."""

from acn_bench.analysis.final_model import FinalModel
from acn_bench.benchmarks.kind import Kind
from acn_bench.benchmarks.supervised import measures, report
from acn_bench.benchmarks.supervised.metrics import TABLES
from acn_bench.benchmarks.supervised.record import SupervisedRecord
from acn_bench.benchmarks.supervised.result import SupervisedResult, validate
from acn_bench.benchmarks.supervised.spec import SupervisedSpec


def final_model(record: SupervisedRecord) -> FinalModel:
    """The network that was measured: that of the last step, or its moving average."""
    result = record.result
    has_depths = len(result.test.top1) > 1
    return FinalModel(
        [n / result.rows.test for n in result.test.top1] if has_depths else None,
        [n / result.rows.validation for n in result.validation.top1] if has_depths else None,
        result.rows.validation,
        result.changes if has_depths else None,
        measures.chance(record),
        result.held_out_most_frequent or measures.chance(record),
    )


def outcome(record: SupervisedRecord) -> object:
    """What two records of the same run must share."""
    result = record.result
    scores = (result.validation, result.test, *result.noise)
    return result.train_loss, [s.top1 for s in scores], result.curve


KIND = Kind(
    spec=SupervisedSpec,
    result=SupervisedResult,
    inputs="image",
    planning="acn_bench.benchmarks.supervised.cost",
    protocol="acn_bench.benchmarks.supervised.protocol",
    on_paper="acn_bench.benchmarks.supervised.on_paper",
    sections="acn_bench.benchmarks.supervised.report_sections:SECTIONS",
    tables=TABLES,
    example="acn_bench.benchmarks.supervised.example",
    validate=validate,
    describe=report.describe,
    summary=report.summary,
    final_model=final_model,
    outcome=outcome,
    setting=report.setting,
    practice=report.practice,
    caveats=report.caveats,
    not_comparable=report.not_comparable,
    reads_folders=True,
    distributed=True,
    stop_seconds=60.0,
    unlisted=report.UNLISTED,
    other_experiment=("data",),
)
