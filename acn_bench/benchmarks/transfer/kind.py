"""The kind `transfer`: train on a source, then fine-tune and probe on a target."""

from acn_bench.analysis.final_model import FinalModel
from acn_bench.benchmarks.kind import Kind
from acn_bench.benchmarks.transfer import report
from acn_bench.benchmarks.transfer.metrics import TABLES, reached
from acn_bench.benchmarks.transfer.record import TransferRecord
from acn_bench.benchmarks.transfer.result import TransferResult, validate
from acn_bench.benchmarks.transfer.spec import TransferSpec


def final_model(record: TransferRecord) -> FinalModel:
    """The network that was fine-tuned whole."""
    result = record.result
    accuracy, changes = result.finetuned.accuracy, result.finetuned.changes
    has_depths = len(accuracy.test) > 1
    return FinalModel(
        accuracy.test if has_depths else None,
        accuracy.validation if has_depths else None,
        result.target_rows.validation,
        changes if has_depths else None,
        1 / result.target_classes,
        result.held_out_most_frequent or 1 / result.target_classes,
    )


def outcome(record: TransferRecord) -> object:
    """What two records of the same run must share."""
    parts = (record.result.source, record.result.finetuned, record.result.finetuned_cut)
    return [part and part.accuracy for part in parts]


KIND = Kind(
    spec=TransferSpec,
    result=TransferResult,
    inputs="image",
    planning="acn_bench.benchmarks.transfer.cost",
    protocol="acn_bench.benchmarks.transfer.protocol",
    sections="acn_bench.benchmarks.transfer.report_sections:SECTIONS",
    tables=TABLES,
    example="acn_bench.benchmarks.transfer.example",
    validate=validate,
    describe=report.describe,
    summary=report.summary,
    final_model=final_model,
    outcome=outcome,
    setting=report.setting,
    chance_level=report.chance_level,
    chance_varies=lambda _: False,
    practice=report.practice,
    caveats=report.caveats,
    matched=lambda record: reached(record) is not False,
    unlisted=frozenset({"name", "validation", "scheme", "tolerance", "probe_penalties"}),
    other_experiment=("data", "target"),
)
