"""One run for a protocol: its config, its data and its device; and what the protocol returns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic

import torch
from torch import Tensor

from acn_bench.config import B, RunConfig
from acn_bench.data.images import ImageData
from acn_bench.result import Guard, Result
from acn_bench.training.resume import ResumeFile

Progress = Callable[[float], None]  # the share of the run that is done, in [0, 1]


@dataclass(frozen=True)
class Run(Generic[B]):
    """The input of a protocol's `measure`, in one of the processes of the run."""

    config: RunConfig[B]
    data: Sequence[ImageData]  # in the protocol's order
    device: torch.device  # of this process, by index where there are several
    progress: Progress = lambda _: None
    checkpoint: ResumeFile | None = None  # None: no checkpoint is written or read
    rank: int = 0  # of this process, in [0, world_size); rank 0 alone returns the output
    world_size: int = 1  # processes of the run; above 1 only where `Kind.distributed`


@dataclass(frozen=True)
class RunOutput:
    """What a run leaves: the record's result, the tensors beside it, and the checks that ran."""

    result: Result
    # correct or not, per example; what a strategy predicts with beside its head
    examples: dict[str, Tensor]
    weights: dict[str, Tensor]
    guards: list[Guard]


@dataclass(frozen=True)
class Cost:
    """How much work a run is, before it starts."""

    images: float  # images trained on, and those evaluated for what they cost in images trained on
    batch_size: int
    classes: int  # the width of the head while most of it is trained
    seconds: float = 0.0  # of training that ends by the clock
