"""The input of a protocol (config, data, device) and its output (result, tensors, guards)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic

import torch
from torch import Tensor, nn

from acn_bench.config import B, RunConfig
from acn_bench.data.images import ImageData
from acn_bench.result import Guard, Result
from acn_bench.training.resume import ResumeFile

Progress = Callable[[float], None]  # the share of the run that is done, in [0, 1]


@dataclass(frozen=True)
class Run(Generic[B]):
    """What a protocol's `measure` is given."""

    config: RunConfig[B]
    data: Sequence[ImageData]  # in the protocol's order
    device: torch.device
    progress: Progress = lambda _: None
    checkpoint: ResumeFile | None = None  # None: nothing is kept, nothing is resumed


@dataclass(frozen=True)
class RunOutput:
    """The record's result, the tensors that are saved with it, and the checks that ran."""

    result: Result
    # correct or not per example; and tensors that a strategy predicts with in addition to its head
    examples: dict[str, Tensor]
    weights: dict[str, Tensor]
    guards: list[Guard]


@dataclass(frozen=True)
class Cost:
    """The estimated work of a run."""

    images: float  # images trained, plus images evaluated, each at its cost in images trained
    batch_size: int
    classes: int  # the width of the head during most of the training
    seconds: float = 0.0  # of training with a budget in seconds


def weights_on_cpu(model: nn.Module) -> dict[str, Tensor]:
    """The model's state_dict, on the CPU and contiguous, to be saved."""
    return {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
