"""A block -> the same block, through which only direct gradients flow.

The direct part of a block's gradient (DG, section 2.2 of the paper) is what reaches the block from the
output on the path that passes no branch of a later block; the rest (NG) comes through the network.

- ac: the long connection into the sum. The stem has one too, since x_0 is in the sum.
- residual: the stream. What a block does to the stream beside its branches lies on the path: nothing in
  pre-norm blocks, the two LayerNorms of BERT, the tail of the released Mixer. A branch is what a block
  hands to `join`. The stem has this path, too.
- feedforward, densenet, denseformer: the output is x_L, so only the last block has a direct part. What
  combines the inputs of a block (projections, scalars) and the stem have none.

A layer is a block: inside it, between its two joins, gradients flow as ever.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from acn_bench.backbones.wiring import Block, Join, add


def direct_gradients(block: Block) -> Block:
    """`block` with the same values, bit for bit, and direct gradients alone."""

    def run(x: Tensor, join: Join) -> Tensor:
        if join is not add:
            return block(x.detach(), join)
        branches: list[Tensor] = []

        def kept(stream: Tensor, branch: Tensor) -> Tensor:
            branches.append(branch.detach())
            return add(stream, branch)

        own = block(x.detach(), kept)
        return cast(Tensor, _Both.apply(own, _around(block, x, branches)))

    return run


def _around(block: Block, x: Tensor, branches: list[Tensor]) -> Tensor:
    """The stream through `block`, whose branches say what they said; gradients reach x alone."""
    said = iter(branches)
    with _drawn_once(x):
        return _frozen(block)(x, lambda stream, _: add(stream, next(said)))


def _drawn_once(x: Tensor) -> AbstractContextManager[Any]:
    """Dropout in a branch draws once; what is compiled has random numbers of its own."""
    if torch.compiler.is_compiling():
        return nullcontext()
    return torch.random.fork_rng([x.device] if x.is_cuda else [])


def _frozen(block: Block) -> Callable[..., Tensor]:
    """`block` as a function that leaves its weights without gradients."""
    if isinstance(block, partial):
        return partial(_frozen(block.func), *block.args, **block.keywords)
    assert isinstance(block, nn.Module)
    weights = {name: p.detach() for name, p in block.named_parameters()}

    def run(*args: Any, **named: Any) -> Tensor:
        return cast(Tensor, functional_call(block, weights, args, named))

    return run


class _Both(torch.autograd.Function):
    """Two ways to one value: gradients take both."""

    @staticmethod
    def forward(_ctx: Any, own: Tensor, _around: Tensor) -> Tensor:
        return own.view_as(own)

    @staticmethod
    def backward(_ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        return gradients[0], gradients[0]
