"""Drop blocks in a training pass: the hidden states of a network without the dropped blocks.

The network computes what it would compute if a dropped block did not exist. So, in every wiring, the hidden
state after a dropped block equals the one before it, and the next block gets the input that the dropped one
would have got:

- residual: the stream, unchanged.
- feedforward: the dropped block's input.
- ac: the dropped block's input; the sum is over the active blocks.
- densenet, denseformer: the combination of the active blocks' outputs. The projection or scalars of a dropped
  block are not used, and its weight in later combinations is 0. If the last block is dropped, the hidden
  state is the output of the last active block.

Outputs are not rescaled, as in LayerDrop (Fan et al. 2020) and LayerSkip (Elhoushi et al. 2024), which drop
blocks of residual networks. The rule for the other wirings is this package's own.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from acn_bench.backbones.wiring import (
    AutoCompressing,
    Block,
    DenseFormer,
    DenseNet,
    Join,
    Wiring,
)


@dataclass(frozen=True)
class Dropping:
    """The probability that a training pass drops each block."""

    rates: tuple[float, ...]  # (L,), in [0, 1]
    # one draw per example; False: one draw for the batch, which then skips the block's computation
    per_example: bool = True

    def draw(self, examples: int) -> Tensor:
        """`active[l, b]`: block l is kept for example b. (L, B) of bool, from torch's CPU generator."""
        uniform = torch.rand(len(self.rates), examples if self.per_example else 1)
        active = uniform >= torch.tensor(self.rates).view(-1, 1)
        return active.expand(-1, examples)


def hidden_states(
    wiring: Wiring, x: Tensor, blocks: Iterable[Block], active: Tensor
) -> Iterator[Tensor]:
    """Yield the hidden state after 0, 1, …, L blocks; `active` (L, B) as from `Dropping.draw`."""
    blocks = list(blocks)
    if len(blocks) != len(active):
        raise ValueError(f"rates for {len(active)} blocks, and the network has {len(blocks)}")
    chain = _Chain(wiring, x)
    links = [chain.link(block, row) for block, row in zip(blocks, active, strict=True)]
    states = wiring.hidden_states(x, links)
    state = next(states)
    yield state
    for row, next_state in zip(active, states, strict=True):
        state = _where(row, next_state, state)
        yield state


class _Chain:
    """Wraps blocks so that a wiring can run them as usual; knows the input of the next block."""

    def __init__(self, wiring: Wiring, x: Tensor) -> None:
        # the wiring adds or combines outputs: a dropped block must output 0
        self.outputs_zero = isinstance(wiring, AutoCompressing | DenseNet | DenseFormer)
        # the wiring passes that 0 to the next block, whose input is then taken from here
        self.replaces_input = isinstance(wiring, AutoCompressing)
        self.next_input = x

    def link(self, block: Block, active: Tensor) -> Block:
        """`block`, applied to the examples for which it is active, (B,) of bool."""

        def run(x: Tensor, join: Join) -> Tensor:
            block_input = self.next_input if self.replaces_input else x
            if not active.any():  # saves the computation
                self.next_input = block_input
                return torch.zeros_like(block_input) if self.outputs_zero else block_input
            out = block(block_input, join)
            self.next_input = _where(active, out, block_input)
            return (
                _where(active, out, torch.zeros_like(out)) if self.outputs_zero else self.next_input
            )

        return run


def _where(active: Tensor, out: Tensor, otherwise: Tensor) -> Tensor:
    """`out` for active examples, else `otherwise`; one of the two tensors itself where all agree."""
    if active.all():
        return out
    if not active.any():
        return otherwise
    mask = active.to(out.device).view(-1, *[1] * (out.dim() - 1))
    return torch.where(mask, out, otherwise)
