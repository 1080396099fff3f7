"""The processes of a training: who takes part, how a network is wrapped for them, and their sums.

Processes are launched by torchrun or `accelerate launch`; one process alone needs none of this.
"""

import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from acn_bench.training.recipe import Recipe


@dataclass(frozen=True)
class Processes:
    """The processes of a training, and which of them this one is."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def total(self, values: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def agreed(self, value: Any) -> Any:
        """The value of the first process: plain values, which travel as torch sends objects."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values)
        return values[0]

    def wait(self) -> None:
        """Wait for all processes."""
        if self.size > 1:
            dist.barrier()

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """The first process runs the block before the others, which find the files that it stored."""
        if not self.first:
            self.wait()
        try:
            yield
        finally:
            if self.first:
                self.wait()


def current() -> Processes:
    """Those of torch's process group; one alone where there is none."""
    if dist.is_available() and dist.is_initialized():
        return Processes(dist.get_rank(), dist.get_world_size())
    return Processes()


def backend(device: torch.device) -> str:
    """The backend of the process group: NCCL for tensors on GPUs, gloo for those on the CPU."""
    return "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"


def wrap(objective: nn.Module, recipe: Recipe, processes: Processes) -> nn.Module:
    """The objective, whose forward pass is the loss of a network, for several processes.

    The loss is wrapped and not the network: so a loss may call any method of the network, as schemes do.
    """
    if processes.size == 1:
        return objective
    if recipe.wrapping == "ddp":
        return DistributedDataParallel(
            objective,
            gradient_as_bucket_view=True,
            find_unused_parameters=recipe.unused_parameters,
        )
    refuse_unused(recipe)
    shard(objective, processes)
    return objective


def refuse_unused(recipe: Recipe) -> None:
    """Raise ValueError for FSDP of a training whose steps leave parameters without a gradient."""
    if recipe.wrapping == "fsdp" and recipe.unused_parameters:
        raise ValueError(
            "wrapping=fsdp needs a gradient of every parameter in every step; use wrapping=ddp"
        )


def shard(module: nn.Module, processes: Processes) -> None:
    """Shard the parameters over the processes, block by block (FSDP2), in place."""
    device = next(module.parameters()).device.type
    mesh = init_device_mesh(device, (processes.size,))
    for block in blocks(module):
        fully_shard(block, mesh=mesh)
    fully_shard(module, mesh=mesh)


def blocks(module: nn.Module) -> Iterator[nn.Module]:
    """The blocks of the network, or of those inside it: what FSDP shards one by one."""
    for inner in module.modules():
        blocks = getattr(inner, "blocks", None)
        if isinstance(blocks, nn.ModuleList):
            yield from blocks


def without_sum(wrapped: nn.Module, last: bool) -> AbstractContextManager[Any]:
    """In the block, gradients of a micro-batch that is not the step's last are not yet summed over processes.

    FSDP sums those of each micro-batch: unsharded sums would take the memory that it saves.
    """
    if last or not isinstance(wrapped, DistributedDataParallel):
        return nullcontext()
    return wrapped.no_sync()


class WholeModel:
    """The trained network, or its average, as a plain module. Make it before the network is wrapped."""

    def __init__(
        self, model: nn.Module, average: AveragedModel | None, recipe: Recipe, processes: Processes
    ) -> None:
        """Under FSDP, whose modules cannot be copied, this keeps a copy of the module and shards the average."""
        self._trained = model if average is None else average.module
        self._copy: nn.Module | None = None
        if processes.size > 1 and recipe.wrapping == "fsdp":
            self._copy = copy.deepcopy(model).cpu()
            if average is not None:
                shard(average.module, processes)

    def model(self) -> nn.Module:
        """The module; of a sharded one a whole copy on its device. All processes must ask for it."""
        if self._copy is None:
            return self._trained
        device = next(self._trained.parameters()).device
        whole = copy.deepcopy(self._copy).to(device)
        with torch.no_grad():
            values = self._trained.state_dict()
            for name, tensor in whole.state_dict().items():
                value = values[name]
                tensor.copy_(value.full_tensor() if isinstance(value, DTensor) else value)
        return whole
