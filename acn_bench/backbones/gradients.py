"""A backbone and a loss -> the gradient of each block, split into its direct and its mediated part.

The paper's section 2.2: the full gradient FG is the direct part DG plus the part NG that later blocks
mediate. Module `direct_gradients` defines the direct part in each wiring. At any depth this takes two passes:
a usual one for FG, and one with direct gradients alone for DG. NG is their difference, block by block.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from acn_bench.backbones.backbone import Backbone
from acn_bench.errors import shorten

Quantity = Literal["full", "direct", "mediated", "ratio", "cosine"]


@dataclass(frozen=True)
class LayerGradient:
    """The Euclidean norms of one block's gradient and of its two parts."""

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
        parameter: a name inside a block, e.g. `channel_mixing.mlp.fc1.weight` (as in the authors' code);
            None is all weights of the block.

    Does not change weights, buffers, `.grad` or torch's generators. Needs memory for two gradients of all
    blocks, and for one more of one block.

    Raises LookupError where the blocks have no such parameter.
    """
    blocks = [_weights(model, i, parameter) for i in range(model.depth)]
    flat = [weight for weights in blocks for weight in weights]
    dg_only, graphed = model.dg_only, model.graphed
    try:
        # a replayed pass has no gradients in autograd's graph
        model.dg_only = model.graphed = False
        full = _gradients(model, loss, flat)
        model.dg_only = True
        direct = _gradients(model, loss, flat)
    finally:
        model.dg_only, model.graphed = dg_only, graphed
    return [
        _layer([next(full) for _ in weights], [next(direct) for _ in weights]) for weights in blocks
    ]


class GradientSplit:
    """Measures the split at every n-th step of any training loop.

    >>> recorder = GradientSplit(model, every=100)
    >>> for x, y in batches:
    ...     recorder(lambda: cross_entropy(model(x), y))  # measures at steps 0, 100, 200, …
    ...     ...                                           # the step, as usual
    >>> recorder.table("ratio")                           # one row per measured step, one column per block
    """

    def __init__(self, model: Backbone, every: int = 100, parameter: str | None = None) -> None:
        if every < 1:
            raise ValueError(f"every must be at least 1 step, not {every}")
        self.model = model
        self.every = every
        self.parameter = parameter
        self.step = 0  # calls so far
        self.measured: dict[int, list[LayerGradient]] = {}  # step -> a split

    def __call__(self, loss: Callable[[], Tensor]) -> None:
        """Count a step; measure at every `every`-th one."""
        if self.step % self.every == 0:
            self.measured[self.step] = split(self.model, loss, self.parameter)
        self.step += 1

    @property
    def steps(self) -> list[int]:
        """The measured steps."""
        return list(self.measured)

    def table(self, quantity: Quantity) -> list[list[float | None]]:
        """One quantity, (steps, L)."""
        return [[getattr(layer, quantity) for layer in row] for row in self.measured.values()]


def _weights(model: Backbone, i: int, parameter: str | None) -> list[Tensor]:
    """The trainable weights of block i, or the one named `parameter`."""
    named = {n: p for n, p in model.blocks[i].named_parameters() if p.requires_grad}
    if parameter is None:
        return list(named.values())
    if parameter not in named:
        raise LookupError(
            f"block {i + 1} has no parameter {shorten(parameter)}. Known: {', '.join(named)}"
        )
    return [named[parameter]]


def _gradients(
    model: Backbone, loss: Callable[[], Tensor], weights: list[Tensor]
) -> Iterator[Tensor]:
    """The gradient of the loss for each weight, 0 where it has none. Changes nothing else."""
    with torch.enable_grad(), _restored(model):
        gradients = torch.autograd.grad(loss(), weights, allow_unused=True)
    pairs = zip(gradients, weights, strict=True)
    return (torch.zeros_like(w) if g is None else g for g, w in pairs)


@contextmanager
def _restored(model: Backbone) -> Iterator[None]:
    """Restore buffers (e.g. running statistics) and torch's generators at the end."""
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
