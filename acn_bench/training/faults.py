"""A training that went wrong -> an error with the step, the rows of its batch and the last good checkpoint."""

from collections.abc import Sequence
from math import isfinite
from pathlib import Path

from acn_bench.errors import listed
from acn_bench.training.divergence import DivergedError

NAMED_ROWS = 8  # in a message; the error holds all


class TrainingDiverged(DivergedError):  # noqa: N818 - named by its cause
    """The loss is infinite, not a number or above the limit, or a weight is not finite."""

    def __init__(
        self, what: str, *, step: int, epoch: int, rows: Sequence[int], checkpoint: Path | None
    ) -> None:
        self.step, self.epoch, self.rows, self.checkpoint = step, epoch, list(rows), checkpoint
        good = "none was written" if checkpoint is None else f"the last good one is {checkpoint}"
        super().__init__(
            f"{what} in step {step}, epoch {epoch}, on rows {listed(rows, NAMED_ROWS)}; checkpoints: {good}"
        )


def fault(loss: float, limit: float) -> str | None:
    """What is wrong with the mean loss of a step; None for nothing."""
    if not isfinite(loss):
        return f"the training loss became {loss}"
    if loss > limit:
        return f"the training loss rose to {loss:.4g}, above the limit of {limit:g},"
    return None
