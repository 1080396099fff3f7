"""A finished step of a training, as its observers get it."""

from dataclasses import dataclass


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
