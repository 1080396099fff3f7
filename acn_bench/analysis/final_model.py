"""The final model of a run of any kind: accuracy by depth, and the chance level."""

from collections.abc import Sequence
from dataclasses import dataclass

from acn_bench.record import Record

Curve = list[float]  # (L+1,) accuracy after 0 … L blocks


@dataclass(frozen=True)
class FinalModel:
    """The measurements of the network that a run ends with."""

    test: Curve | None  # None where the network has no depths, or nothing was measured
    validation: Curve | None
    held_out: int  # examples that `validation` is of
    # (L+1, 2): how many of them each depth loses, and gains, against full depth; None where it was not counted
    changes: list[list[int]] | None
    chance: float  # the chance level of its test accuracy
    held_out_chance: float  # of `validation`: held-out rows may have other shares of the classes


def final_model(record: Record) -> FinalModel:
    """The final model of a run, as its kind defines it."""
    return record.final_model


def over_experiences(
    matrix: Sequence[Sequence[Curve | None]] | None, after: int = -1
) -> Curve | None:
    """A depth matrix -> the mean over the experiences learned by then, (L+1,); of the final model by default."""
    learned: Sequence[Curve | None] = (
        (matrix[after] if after < 0 else matrix[after][: after + 1]) if matrix else []
    )
    rows = [row for row in learned if row is not None]
    if not rows or len(rows) != len(learned):
        return None
    return [sum(column) / len(column) for column in zip(*rows, strict=True)]
