"""The blocks of a backbone on a GPU -> the same blocks, with one launch for a forward pass and one for a backward pass.

A small network launches hundreds of kernels a pass, and each takes longer to launch than to run. A CUDA graph
records the kernels of a pass once and replays them: the same kernels in the same order, so equal values.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from acn_bench.backbones.wiring import Wiring, last

AFTER = (
    3  # passes of one shape before it is recorded: an epoch ends with one batch of another shape
)


class Recorder:
    """Records the training passes of one backbone; a pass that the record does not fit runs without it.

    A record reads and writes the same memory at each replay. So a pass is replayed only once the backward pass
    of the one before it has begun, and a second backward pass through an earlier one raises RuntimeError.
    """

    def __init__(self) -> None:
        self._shape: torch.Size | None = None  # of x_0 in the last training pass
        self._passes = 0  # of this shape, in a row
        self._record: Callable[..., Tensor] | None = None
        self._recorded: Any = None  # the shape of the record, and where its weights lie
        self._replays = 0
        self._waiting = False  # for the backward pass of the last replay

    def __reduce__(self) -> tuple[type["Recorder"], tuple[()]]:
        """A copy of a backbone has its own weights, and needs its own record."""
        return Recorder, ()

    def hidden_state(self, x: Tensor, blocks: nn.ModuleList, wiring: Wiring) -> Tensor | None:
        """x_0 (B, T, D) -> the hidden state at full depth, (B, T, D); None where the pass is to run without a record."""
        if self._waiting or not _can_record(x):
            return None
        usual = self._is_usual(x.shape)
        passes = _Blocks(blocks, wiring, _autocast_dtype(x.device))
        weights = dict(passes.named_parameters())
        places = [(p.data_ptr(), p.requires_grad) for p in weights.values()]
        described = x.shape, passes.dtype, places
        if described != self._recorded:
            if not usual:
                return None
            self._record, self._recorded = _record(passes, weights, x), described
        assert self._record is not None
        self._replays += 1
        self._waiting = True
        out = self._record(x, *weights.values())
        out.register_hook(self._before_backward(self._replays, list(weights.values())))
        return out

    def _is_usual(self, shape: torch.Size) -> bool:
        """Whether the passes before this one had its shape, too."""
        self._passes = self._passes + 1 if shape == self._shape else 1
        self._shape = shape
        return self._passes > AFTER

    def _before_backward(
        self, replay: int, weights: list[nn.Parameter]
    ) -> Callable[[Tensor], None]:
        def check(_gradient: Tensor) -> None:
            if replay != self._replays:
                raise RuntimeError(
                    "a graphed backbone keeps the activations of its last training pass alone: "
                    "run each backward pass before the next forward pass, or set `graphed = False`"
                )
            self._waiting = False
            for p in weights:
                if p.grad is not None:  # it may lie in memory that the replay overwrites
                    p.grad = p.grad.clone()

        return check


class _Blocks(nn.Module):
    """The blocks in their wiring: x_0 (B, T, D) -> the hidden state at full depth, (B, T, D)."""

    def __init__(self, blocks: nn.ModuleList, wiring: Wiring, dtype: torch.dtype | None) -> None:
        super().__init__()
        self.blocks = blocks
        self.wiring = wiring
        self.dtype = dtype  # of autocast; None outside it

    def forward(self, x: Tensor) -> Tensor:
        with self._autocast(x.device):
            return last(self.wiring.hidden_states(x, self.blocks))

    def _autocast(self, device: torch.device) -> AbstractContextManager[Any]:
        """Without its cache: each replay must cast the weights of its own step."""
        if self.dtype is None:
            return nullcontext()
        return torch.autocast(device.type, dtype=self.dtype, cache_enabled=False)


def _can_record(x: Tensor) -> bool:
    """Whether this is a training pass on a GPU of one process, outside a compiler and another record."""
    return (
        x.is_cuda
        and x.requires_grad
        and torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and not torch.cuda.is_current_stream_capturing()
        and not (torch.distributed.is_available() and torch.distributed.is_initialized())
    )


def _autocast_dtype(device: torch.device) -> torch.dtype | None:
    """The dtype of the autocast around this call; None outside autocast."""
    on = torch.is_autocast_enabled(device.type)
    return torch.get_autocast_dtype(device.type) if on else None


def _record(
    passes: nn.Module, weights: dict[str, nn.Parameter], x: Tensor
) -> Callable[..., Tensor]:
    """A function of x and the weights that replays a forward pass; its gradient replays a backward pass.

    The weights are recorded as new leaves that share their memory: the old ones may still belong to the graph of
    an earlier step, on another stream.
    """
    leaves = [p.detach().requires_grad_(p.requires_grad) for p in weights.values()]

    def run(x: Tensor, *weights_now: Tensor) -> Tensor:
        named = dict(zip(weights, weights_now, strict=True))
        return cast(Tensor, functional_call(passes, named, (x,)))

    sample = x.detach().clone().requires_grad_()
    with torch.autocast(x.device.type, enabled=False, cache_enabled=False):
        made = torch.cuda.make_graphed_callables(run, (sample, *leaves), allow_unused_input=True)
    return cast(Callable[..., Tensor], made)
