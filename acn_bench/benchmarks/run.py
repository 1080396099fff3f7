"""The input of a protocol (config, data, device) and its output (result, tensors, guards)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic

import torch
from torch import Tensor, nn
from typing_extensions import TypeVar

from acn_bench.config import B, RunConfig
from acn_bench.data.data_set import DataSet
from acn_bench.result import Guard, Result
from acn_bench.training.resume import ResumeFile
from acn_bench.training.stopping import Stop

D = TypeVar("D", bound=DataSet, covariant=True, default=Any)  # the data that its protocol takes

Progress = Callable[[float], None]  # the share of the run that is done, in [0, 1]


@dataclass(frozen=True)
class Run(Generic[B, D]):
    """The input of a protocol's `measure`, in one of the processes of the run."""

    config: RunConfig[B]
    data: Sequence[D]  # in the protocol's order
    device: torch.device  # of this process, by index where there are several
    progress: Progress = lambda _: None
    checkpoint: ResumeFile | None = None  # None: no checkpoint is written or read
    rank: int = 0  # of this process, in [0, world_size); rank 0 alone returns the output
    world_size: int = 1  # processes of the run; above 1 only where `Kind.distributed`
    # a request to stop: who heeds it saves a checkpoint before the process ends
    stop: Stop = field(default_factory=Stop)
    trackers: Sequence[str] = ()  # names of those that the training is logged to


@dataclass(frozen=True)
class RunOutput:
    """The record's result, the tensors that are saved with it, and the checks that ran."""

    result: Result
    # correct or not per example; and tensors that a strategy predicts with in addition to its head
    examples: dict[str, Tensor]
    weights: dict[str, Tensor]
    guards: list[Guard]
    # the network as other libraries load it: file name -> content, in a folder beside the weights
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Cost:
    """The estimated work of a run."""

    images: float  # images trained, plus images evaluated, each at its cost in images trained
    batch_size: int
    classes: int  # the width of the head during most of the training
    seconds: float = 0.0  # of training with a budget in seconds: such runs share no core
    corrupting: float = 0.0  # seconds of corrupting images
    tokens: int = 0  # of a usual text; 0: the examples are images


def weights_on_cpu(model: nn.Module) -> dict[str, Tensor]:
    """The model's state_dict, on the CPU and contiguous, to be saved. A weight of two names is there twice."""
    weights = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
    known: set[int] = set()
    for name, tensor in weights.items():  # safetensors refuses tensors that share memory
        pointer = tensor.untyped_storage().data_ptr()
        weights[name] = tensor.clone() if pointer in known else tensor
        known.add(pointer)
    return weights
