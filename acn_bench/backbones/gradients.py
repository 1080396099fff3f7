"""A backbone and a loss -> the gradient of each block, split into its direct and its mediated part.

The paper's section 2.2: FG, the full gradient, is DG, the direct part, plus NG, what is mediated by
later blocks. `direct` says what direct means in each wiring. Two passes, whatever the depth: one as
ever, one in which only direct gradients flow; NG is their difference, taken block by block.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from acn_bench.backbones.backbone import Backbone

Quantity = Literal["full", "direct", "mediated", "ratio", "cosine"]


@dataclass(frozen=True)
class LayerGradient:
    """The Euclidean norms of one block's gradient and of its parts."""

    full: float  # |FG|
    direct: float  # |DG|
    mediated: float  # |NG|
    cosine: float | None  # of DG and NG; None where one of them is 0

    @property
    def ratio(self) -> float | None:
        """|DG| / |FG|, above 1 where the parts oppose each other; None where FG is 0."""
        return self.direct / self.full if self.full else None


def split(
    model: Backbone, loss: Callable[[], Tensor], parameter: str | None = None
) -> list[LayerGradient]:
    """The split of each block's gradient, block 1 first.

    Args:
        model: the backbone, by itself or inside a larger model.
        loss: forward pass and loss, a scalar; called twice, from equal states of torch's generators.
        parameter: a name inside a block, e.g. `channel_mixing.mlp.fc1.weight` (what the authors' code
            looks at); None is all weights of the block.

    Weights, buffers, `.grad` and torch's generators are afterwards as they were before. Two gradients of the
    blocks' size are held, and one block's more.

    Raises LookupError where the blocks have no such parameter.
    """
    blocks = [_weights(model, i, parameter) for i in range(model.depth)]
    every = [weight for weights in blocks for weight in weights]
    was = model.dg_only
    try:
        model.dg_only = False
        full = _gradients(model, loss, every)
        model.dg_only = True
        direct = _gradients(model, loss, every)
    finally:
        model.dg_only = was
    return [
        _layer([next(full) for _ in weights], [next(direct) for _ in weights]) for weights in blocks
    ]


class GradientSplit:
    """Measures the split at every so many steps of anybody's training loop.

    >>> recorder = GradientSplit(model, every=100)
    >>> for x, y in batches:
    ...     recorder(lambda: cross_entropy(model(x), y))  # at steps 0, 100, 200, …; else does nothing
    ...     ...                                           # the step, as ever
    >>> recorder.table("ratio")                           # a row for each measured step, a column a block
    """

    def __init__(self, model: Backbone, every: int = 100, parameter: str | None = None) -> None:
        if every < 1:
            raise ValueError(f"every must be at least 1 step, not {every}")
        self.model = model
        self.every = every
        self.parameter = parameter
        self.step = 0  # how often it was called
        self.measured: dict[int, list[LayerGradient]] = {}  # step -> a split

    def __call__(self, loss: Callable[[], Tensor]) -> None:
        """Count a step, and measure if it is one to be measured."""
        if self.step % self.every == 0:
            self.measured[self.step] = split(self.model, loss, self.parameter)
        self.step += 1

    @property
    def steps(self) -> list[int]:
        """Those that were measured."""
        return list(self.measured)

    def table(self, quantity: Quantity) -> list[list[float | None]]:
        """One quantity, (steps, L)."""
        return [[getattr(layer, quantity) for layer in row] for row in self.measured.values()]


def _weights(model: Backbone, i: int, parameter: str | None) -> list[Tensor]:
    """What is looked at in block i; weights that do not train have no gradient."""
    named = {n: p for n, p in model.blocks[i].named_parameters() if p.requires_grad}
    if parameter is None:
        return list(named.values())
    if parameter not in named:
        raise LookupError(
            f"block {i + 1} has no parameter {parameter!r}. Known: {', '.join(named)}"
        )
    return [named[parameter]]


def _gradients(
    model: Backbone, loss: Callable[[], Tensor], weights: list[Tensor]
) -> Iterator[Tensor]:
    """The gradient of the loss for each weight, 0 where it has none; leaves everything else alone."""
    with torch.enable_grad(), _untouched(model):
        found = torch.autograd.grad(loss(), weights, allow_unused=True)
    return (torch.zeros_like(w) if g is None else g for g, w in zip(found, weights, strict=True))


@contextmanager
def _untouched(model: Backbone) -> Iterator[None]:
    """Buffers (running statistics, say) and torch's generators are as they were."""
    buffers = [(b, b.clone()) for b in model.buffers()]
    devices = {p.device for p in model.parameters() if p.is_cuda}
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)


def _layer(full: list[Tensor], direct: list[Tensor]) -> LayerGradient:
    mediated = [f - d for f, d in zip(full, direct, strict=True)]
    parts = _dot(full, full), _dot(direct, direct), _dot(mediated, mediated)
    fg, dg, ng = (square**0.5 for square in parts)
    return LayerGradient(fg, dg, ng, _dot(direct, mediated) / (dg * ng) if dg * ng else None)


def _dot(a: list[Tensor], b: list[Tensor]) -> float:
    return sum((x.double() * y.double()).sum().item() for x, y in zip(a, b, strict=True))
