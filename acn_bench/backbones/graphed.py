"""The blocks and the readout of a backbone on a GPU -> the same, with one launch for a forward and one for a backward pass.

A small network launches hundreds of kernels a pass, and each takes longer to launch than to run. A CUDA graph
records the kernels of a pass once and replays them: the same kernels in the same order, so equal values.
"""

from contextlib import AbstractContextManager, nullcontext
from itertools import compress
from typing import Any
from weakref import ReferenceType, ref

import torch
from torch import Tensor, nn
from torch.func import functional_call

from acn_bench.backbones.readouts import Readout
from acn_bench.backbones.wiring import Wiring, last

AFTER = 3  # passes of one shape before it is recorded: the last batch of an epoch is a smaller one
WARM_UP = 3  # passes before the recording, in which libraries choose their kernels


class _Passes(nn.Module):
    """x_0 (B, T, D) -> the head's input (B, D); the blocks run under autocast to a dtype, if one is given."""

    def __init__(self, blocks: nn.ModuleList, wiring: Wiring, readout: Readout) -> None:
        super().__init__()
        self.blocks = blocks
        self.wiring = wiring
        self.readout = readout

    def forward(self, x: Tensor, autocast: torch.dtype | None) -> Tensor:
        with _autocast(x.device, autocast):
            hidden_state = last(self.wiring.hidden_states(x, self.blocks))
        features: Tensor = self.readout(hidden_state)
        return features


class Recorder:
    """Records the training passes of one backbone; a pass that the record does not fit runs without it.

    A record reads and writes the same memory at each replay. So a pass is replayed only once the backward pass
    of the one before it has begun, and a second backward pass through an earlier one raises RuntimeError.
    Gradients reach `.grad` of the weights without their nodes in autograd's graph.
    """

    def __init__(self) -> None:
        self._shape: torch.Size | None = None  # of x_0 in the last training pass
        self._passes = 0  # of this shape, in a row
        self._record: _Record | None = None
        # the shape and dtype of the record, its weights, and where they lie
        self._recorded: Any = None

    def __reduce__(self) -> tuple[type["Recorder"], tuple[()]]:
        """A copy of a backbone has its own weights, and needs its own record."""
        return Recorder, ()

    def features(
        self,
        x: Tensor,
        blocks: nn.ModuleList,
        wiring: Wiring,
        readout: Readout,
        autocast: torch.dtype | None,
    ) -> Tensor | None:
        """x_0 (B, T, D) -> the head's input (B, D); None where the pass is to run without a record."""
        if not _can_record(x) or (self._record and self._record.is_waiting):
            return None
        passes = _Passes(blocks, wiring, readout)
        weights = list(passes.parameters())
        if any(p._backward_hooks or p._post_accumulate_grad_hooks for p in weights):
            return None  # a replay passes these hooks by
        usual = self._is_usual(x.shape)
        places = [(id(p), p.data_ptr(), p.requires_grad) for p in weights]
        described = x.shape, autocast, places
        if described != self._recorded:
            if not usual:
                return None
            self._record = None  # frees its memory first
            self._record, self._recorded = _Record(passes, autocast, x), described
        replayed: Tensor = _Replay.apply(self._record, x)
        return replayed

    def _is_usual(self, shape: torch.Size) -> bool:
        """Whether the passes before this one had its shape, too."""
        self._passes = self._passes + 1 if shape == self._shape else 1
        self._shape = shape
        return self._passes > AFTER


class _Record:
    """One forward and one backward pass on inputs like x."""

    def __init__(self, passes: _Passes, autocast: torch.dtype | None, x: Tensor) -> None:
        self.replays = 0
        self._last: ReferenceType[_Pass] | None = None
        # new leaves in the memory of the weights: those of the weights may belong to an earlier step, on another stream
        leaves = {
            name: p.detach().requires_grad_(p.requires_grad)
            for name, p in passes.named_parameters()
        }
        self.input = x.detach().clone().requires_grad_()
        inputs = [self.input, *(leaf for leaf in leaves.values() if leaf.requires_grad)]

        def forward() -> Tensor:
            features: Tensor = functional_call(passes, leaves, (self.input, autocast))
            return features

        def backward(output: Tensor) -> list[Tensor | None]:
            gradient = self.output_gradient
            return list(torch.autograd.grad(output, inputs, gradient, allow_unused=True))

        stream = torch.cuda.Stream(x.device)
        with torch.autocast(x.device.type, enabled=False):
            stream.wait_stream(torch.cuda.current_stream(x.device))
            with torch.cuda.stream(stream):
                for _ in range(WARM_UP):
                    output = forward()
                    self.output_gradient = torch.zeros_like(output)
                    used = [g is not None for g in backward(output)]
                del output
            torch.cuda.synchronize(x.device)
            self.gradients = [torch.zeros_like(t) for t in compress(inputs, used)]
            trained = (p for p in passes.parameters() if p.requires_grad)
            self.weights = list(compress(trained, used[1:]))  # an unused one has no gradient
            pool = torch.cuda.graph_pool_handle()
            self._forward, self._backward = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._forward, pool=pool, stream=stream):
                self.output = forward()
            with torch.cuda.graph(self._backward, pool=pool, stream=stream):
                found = [g for g in backward(self.output) if g is not None]
                torch._foreach_copy_(self.gradients, found)

    @property
    def is_waiting(self) -> bool:
        """Whether the backward pass of the last replay may still come."""
        last_pass = self._last() if self._last else None
        return last_pass is not None and not last_pass.began

    def replay(self, x: Tensor) -> "tuple[Tensor, _Pass]":
        """x_0 -> the head's input, and this pass."""
        self.input.detach().copy_(x)
        self._forward.replay()
        self.replays += 1
        this = _Pass(self.replays)
        self._last = ref(this)
        return self.output.detach().clone(), this

    def replay_backward(self, this: "_Pass", gradient: Tensor) -> Tensor:
        """The gradient of the head's input -> that of x_0; adds those of the weights to their `.grad`."""
        if this.number != self.replays:
            raise RuntimeError(
                "a graphed backbone keeps the activations of its last training pass alone: run each backward pass "
                "before the next forward pass, or set `graphed = False`"
            )
        this.began = True
        places = dict(zip(self.weights, self.gradients[1:], strict=True))
        earlier = {p: p.grad for p in self.weights if p.grad is not None}
        for p, before in earlier.items():
            if before is places[p]:  # of the last replay, which this one overwrites
                earlier[p] = before.clone()
        self.output_gradient.copy_(gradient)
        self._backward.replay()
        for p, place in places.items():
            p.grad = place
        if earlier:
            torch._foreach_add_([places[p] for p in earlier], list(earlier.values()))
        return self.gradients[0].clone()


class _Pass:
    """A replayed forward pass; autograd's graph alone holds it."""

    def __init__(self, number: int) -> None:
        self.number = number  # of the replay
        self.began = False  # its backward pass


class _Replay(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, record: _Record, x: Tensor) -> Tensor:
        ctx.record = record
        features, ctx.this = record.replay(x)
        return features

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        return None, ctx.record.replay_backward(ctx.this, gradients[0])


def _can_record(x: Tensor) -> bool:
    """Whether this is a training pass on a GPU, of one process, outside a compiler and another record."""
    return (
        x.is_cuda
        and x.requires_grad
        and torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and not torch.cuda.is_current_stream_capturing()
        and not (torch.distributed.is_available() and torch.distributed.is_initialized())
    )


def _autocast(device: torch.device, dtype: torch.dtype | None) -> AbstractContextManager[Any]:
    """Without its cache: each replay must cast the weights of its own step."""
    if dtype is None:
        return nullcontext()
    return torch.autocast(device.type, dtype=dtype, cache_enabled=False)
