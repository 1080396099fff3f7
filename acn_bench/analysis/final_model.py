"""RunRecord of any kind -> its final model: accuracy by depth, and what guessing would have."""

from collections.abc import Sequence
from dataclasses import dataclass

from acn_bench.benchmarks.continual import definitions
from acn_bench.records import ContinualResult, DepthMatrix, RunRecord, TransferResult

Curve = list[float]  # (L+1,) accuracy after 0 … L blocks


@dataclass(frozen=True)
class Final:
    """What was measured of the network that a run ended with."""

    test: Curve | None  # None where the network has no depths, or nothing was measured
    validation: Curve | None
    held_out: int  # examples that `validation` is of
    # (L+1, 2): how many of them each depth loses, and gains, against full depth; None where it was not counted
    changes: list[list[int]] | None
    chance: float  # the accuracy of guessing


def final(record: RunRecord) -> Final:
    """The final model of a run."""
    result = record.result
    match result:
        case ContinualResult():
            held = result.validation
            return Final(
                over_experiences(result.depth_accuracy),
                over_experiences(held.depth_accuracy),
                sum(held.counts),
                held.changes,
                definitions.chance(record),
            )
        case TransferResult():
            accuracy, counted = result.finetuned.accuracy, result.finetuned.changes
            has_depths = len(accuracy.test) > 1
            return Final(
                accuracy.test if has_depths else None,
                accuracy.validation if has_depths else None,
                result.target_rows.validation,
                counted if has_depths else None,
                1 / result.target_classes,
            )


def outcome(record: RunRecord) -> object:
    """What two records of the same run must share."""
    match record.result:
        case ContinualResult():
            return record.result.accuracy
        case TransferResult():
            parts = (record.result.source, record.result.finetuned, record.result.finetuned_cut)
            return [part and part.accuracy for part in parts]


def over_experiences(matrix: DepthMatrix | None, after: int = -1) -> Curve | None:
    """A depth matrix -> the mean over the experiences learned by then, (L+1,); of the final model by default."""
    learned: Sequence[Curve | None] = (
        (matrix[after] if after < 0 else matrix[after][: after + 1]) if matrix else []
    )
    rows = [row for row in learned if row is not None]
    if not rows or len(rows) != len(learned):
        return None
    return [sum(column) / len(column) for column in zip(*rows, strict=True)]
