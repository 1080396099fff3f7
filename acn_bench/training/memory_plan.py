"""A network, a batch and a recipe -> memory, FLOPs and communication of a step, without computing it.

A step runs once on fake tensors, which have shapes and a device and no values: each operation's allocations are
counted while they live, so that the peak is that of the same operations on real ones. What an allocator or a
library adds is not in it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from weakref import finalize

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten
from torch.utils.flop_counter import FlopCounterMode

from acn_bench.training.distributed import blocks, refuse_unused
from acn_bench.training.recipe import Recipe, Wrapping

WORD = 4  # bytes of a weight, a gradient and a moment: fp32
MOMENTS = {"adamw": 2, "adam": 2, "sgd": 1}


@dataclass(frozen=True)
class MemoryPlan:
    """What one of the processes of a training takes; bytes, and FLOPs at two per multiply-add."""

    parameters: int  # of the network: a count
    weights: int  # with the average, where there is one, and under FSDP the largest blocks that are whole for a while
    gradients: int
    optimizer: int
    activations: int  # the peak of the forward and backward pass beyond weights and gradients; the inputs among them
    step_flops: int  # of forward and backward pass of a process's micro-batch
    images: int  # of that micro-batch
    communication: int  # bytes that the process sends in a step

    @property
    def total(self) -> int:
        """Bytes of tensors at the peak of a step."""
        return self.weights + self.gradients + self.optimizer + self.activations

    def epoch_flops(self, rows: int) -> int:
        """FLOPs of an epoch over that many rows, of all processes together."""
        return self.step_flops * rows // self.images


@dataclass(frozen=True)
class PaperTraining:
    """A training without its data: the arguments of `plan`."""

    model: Callable[[], nn.Module]
    batch: Callable[[int], Any]  # of so many rows
    loss: Callable[[nn.Module, Any], Tensor]
    recipe: Recipe
    rows: int  # of an epoch

    def plan(self, wrapping: Wrapping, processes: int) -> MemoryPlan:
        """What one of the processes takes. Raises ValueError where the wrapping cannot train it."""
        recipe = replace(self.recipe, wrapping=wrapping)
        refuse_unused(recipe)
        images = min(recipe.micro_batch or recipe.batch_size, -(-recipe.batch_size // processes))
        return plan(
            self.model,
            lambda: self.batch(images),
            self.loss,
            recipe,
            images=images,
            processes=processes,
        )


def plan(
    model: Callable[[], nn.Module],
    batch: Callable[[], Any],
    loss: Callable[[nn.Module, Any], Tensor],
    recipe: Recipe,
    *,
    images: int,
    processes: int = 1,
    device: torch.device = torch.device("cpu"),  # noqa: B008 - a value
) -> MemoryPlan:
    """The plan of one process. `model` and `batch` are called where tensors have no values.

    `batch` makes a micro-batch of `images` rows; `loss` returns a scalar. A step of several micro-batches holds all
    gradients from the second one on.
    """
    sharded = recipe.wrapping == "fsdp" and processes > 1
    share = processes if sharded else 1
    several = images * processes < recipe.batch_size
    with FakeTensorMode():
        with device:
            network, inputs = model().train(), batch()
        parameters = sum(p.numel() for p in network.parameters())
        peak, flops = _peak_and_flops(network, inputs, loss, share, several)
    held = parameters * WORD
    copies = 1 + (recipe.ema_decay is not None)
    moments = MOMENTS[recipe.optimizer] * held
    if recipe.optimizer == "sgd" and not recipe.momentum:
        moments = 0
    whole = _largest_block(network) * WORD if sharded else 0
    sent = (3 if sharded else 2) * held * (processes - 1) // processes
    return MemoryPlan(
        parameters=parameters,
        # the block that computes and the one that is fetched ahead; the gradient of one before it is summed
        weights=copies * held // share + 2 * whole,
        gradients=held // share + whole,
        optimizer=moments // share,
        activations=peak - held // share,
        step_flops=flops,
        images=images,
        communication=sent if processes > 1 else 0,
    )


def _peak_and_flops(
    network: nn.Module,
    inputs: Any,
    loss: Callable[[nn.Module, Any], Tensor],
    share: int,
    several: bool,
) -> tuple[int, int]:
    """Bytes of a forward and backward pass at their peak, inputs and gradients included; and its FLOPs.

    Of a gradient that is complete, a process holds one `share`-th; of the last of `several` passes, from the start.
    """
    live = _Live(tree_flatten(inputs)[0])
    if several:
        live.hold(sum(p.numel() for p in network.parameters()) * WORD / share)

    def keep_share(parameter: Tensor) -> None:
        parameter.grad = None
        if not several:
            live.hold(parameter.numel() * WORD / share)

    for parameter in network.parameters():
        parameter.register_post_accumulate_grad_hook(keep_share)
    with FlopCounterMode(display=False) as counter, live:
        loss(network, inputs).backward()
    return int(live.peak), int(counter.get_total_flops())


class _Live(TorchDispatchMode):
    """Counts the bytes of the tensors that operations made and that are still there."""

    def __init__(self, inputs: list[Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = self.peak = 0.0
        self._known: set[int] = set()
        for value in inputs:
            self._count(value)

    def __torch_dispatch__(
        self,
        function: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        before = {id(t.untyped_storage()) for t in tree_flatten((args, kwargs))[0] if _is_tensor(t)}
        output = function(*args, **(kwargs or {}))
        for value in tree_flatten(output)[0]:
            if _is_tensor(value) and id(value.untyped_storage()) not in before:
                self._count(value)
        return output

    def _count(self, value: Any) -> None:
        if not _is_tensor(value):
            return
        storage = value.untyped_storage()
        key, size = id(storage), storage.nbytes()
        if key in self._known:
            return
        self._known.add(key)
        self.hold(size)
        finalize(storage, self._free, key, size)

    def hold(self, size: float) -> None:
        """Count bytes that stay."""
        self.bytes += size
        self.peak = max(self.peak, self.bytes)

    def _free(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.bytes -= size


def _is_tensor(value: object) -> bool:
    return isinstance(value, Tensor)


def _largest_block(network: nn.Module) -> int:
    """Parameters of the largest part that FSDP fetches at once: a block, or all that is in none."""
    inner = [sum(p.numel() for p in block.parameters()) for block in blocks(network)]
    outer = sum(p.numel() for p in network.parameters()) - sum(inner)
    return max([outer, *inner])
