"""A block -> the same block, through which only direct gradients flow.

The direct part of a block's gradient (DG, section 2.2 of the paper) comes from the output along the path
that passes through no branch of a later block. The rest is the mediated part (NG). The direct path is:

- ac: the long connection into the sum. The stem has one too, since x_0 is in the sum.
- residual: the stream. The path includes what a block applies to the stream outside its branches: nothing
  in pre-norm blocks, the two LayerNorms in BERT, the tail in the released Mixer. A branch is the second
  argument of `join`. The stem has this path, too.
- feedforward, densenet, denseformer: the output is x_L, so only the last block has a direct part. The
  projections, the scalars and the stem have none.

A layer is a whole block: between the two joins of one block gradients flow as usual.
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
    """`block` with equal values, bit for bit, and direct gradients alone."""

    def run(x: Tensor, join: Join) -> Tensor:
        if join is not add:
            return block(x.detach(), join)
        branches: list[Tensor] = []

        def add_and_record(stream: Tensor, branch: Tensor) -> Tensor:
            branches.append(branch.detach())
            return add(stream, branch)

        to_weights = block(x.detach(), add_and_record)
        to_input = _constant_branches(block, x, branches)
        return cast(Tensor, _SumOfGradients.apply(to_weights, to_input))

    return run


def _constant_branches(block: Block, x: Tensor, branches: list[Tensor]) -> Tensor:
    """`block` with these constant outputs of its branches; gradients reach x alone."""
    constants = iter(branches)
    with _restored_generators(x):
        return _frozen(block)(x, lambda stream, _: add(stream, next(constants)))


def _restored_generators(x: Tensor) -> AbstractContextManager[Any]:
    """Dropout in the second pass draws nothing from the generators. Compiled code has its own random numbers."""
    if torch.compiler.is_compiling():
        return nullcontext()
    return torch.random.fork_rng([x.device] if x.is_cuda else [])


def _frozen(block: Block) -> Callable[..., Tensor]:
    """`block` as a function whose weights get no gradients."""
    if isinstance(block, partial):
        return partial(_frozen(block.func), *block.args, **block.keywords)
    assert isinstance(block, nn.Module)
    weights = {name: p.detach() for name, p in block.named_parameters()}

    def run(*args: Any, **named: Any) -> Tensor:
        return cast(Tensor, functional_call(block, weights, args, named))

    return run


class _SumOfGradients(torch.autograd.Function):
    """Two computations of one value: return the value, send the gradient to both."""

    @staticmethod
    def forward(_ctx: Any, to_weights: Tensor, _to_input: Tensor) -> Tensor:
        return to_weights.view_as(to_weights)

    @staticmethod
    def backward(_ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        return gradients[0], gradients[0]
