"""What every protocol hands back, and how it says how far it is."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from acn_bench.records import Guard, RunResult

Progress = Callable[[float], None]  # the share of the run that is done, in [0, 1]


@dataclass(frozen=True)
class RunOutput:
    """What a run leaves: the record's result, what lies beside it, and the checks that ran."""

    result: RunResult
    # correct or not, per example; what a strategy predicts with beside its head
    examples: dict[str, Tensor]
    weights: dict[str, Tensor]
    guards: list[Guard]
