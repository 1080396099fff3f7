"""A step of a training: while it is computed, and finished, as its observers get it."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Pending:
    """A step that is begun, and may still be computed on a device."""

    step: int
    epoch: int
    rows: Tensor
    weight: float  # of one process alone
    # [sum of losses]; of several processes [sum of losses, checkpoint is due, stop is requested, weight]
    numbers: Tensor
    learning_rate: float


@dataclass(frozen=True)
class Step:
    """A step that is finished."""

    step: int  # finished steps, from 1
    total_steps: int
    epoch: int  # of the step, from 0
    rows: int  # that all processes trained on in it
    loss: float  # mean
    learning_rate: float

    @property
    def share(self) -> float:
        """Of the training that is done."""
        return self.step / self.total_steps
