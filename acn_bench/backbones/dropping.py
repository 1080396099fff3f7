"""How often each block is left out -> the reads of a network without the blocks that are.

A block that is dropped is absent: what comes out is what the network without it would say. In every
wiring, then, the read after it is the read before it, and the next block sees what it would have seen:

- residual: the stream, which passes by.
- feedforward: what the dropped block saw.
- ac: what the dropped block saw; the sum is the sum of the blocks that are there.
- densenet, denseformer: the combination of the outputs that are there; its own projection or scalars go
  with it, and its share in later ones is 0. If the last block is dropped, the head reads the one before.

No output is scaled to make up for it: neither do LayerDrop (Fan et al. 2020) nor LayerSkip (Elhoushi et
al. 2024), which drop blocks of residual networks; the rule for the other wirings is ours.
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
    """The probability of each block to be dropped in a training pass."""

    rates: tuple[float, ...]  # (L,), in [0, 1]
    per_example: bool = (
        True  # each example draws for itself; else the batch does, and saves the time
    )

    def draw(self, examples: int) -> Tensor:
        """Which blocks are there, (L, B) of bool, from torch's global generator of the CPU."""
        chance = torch.rand(len(self.rates), examples if self.per_example else 1)
        there = chance >= torch.tensor(self.rates).view(-1, 1)
        return there.expand(-1, examples)


def reads(wires: Wiring, x: Tensor, blocks: Iterable[Block], there: Tensor) -> Iterator[Tensor]:
    """What the head reads after 0, 1, …, L blocks, of which `there` (L, B) says who is there for whom."""
    blocks = list(blocks)
    if len(blocks) != len(there):
        raise ValueError(f"rates for {len(there)} blocks, and the network has {len(blocks)}")
    chain = _Chain(wires, x)
    found = wires.reads(x, [chain.link(b, t) for b, t in zip(blocks, there, strict=True)])
    read = next(found)
    yield read
    for block_there, after in zip(there, found, strict=True):
        read = _where(block_there, after, read)
        yield read


class _Chain:
    """What the next block of a chain sees, and what a wiring is given in place of an absent output."""

    def __init__(self, wires: Wiring, x: Tensor) -> None:
        self.summed = isinstance(wires, AutoCompressing)
        self.silent = isinstance(wires, AutoCompressing | DenseNet | DenseFormer)
        self.x = x

    def link(self, block: Block, there: Tensor) -> Block:
        """`block`, for those examples for which it is there."""

        def run(x: Tensor, join: Join) -> Tensor:
            seen = self.x if self.summed else x
            if not there.any():  # not even called
                self.x = seen
                return torch.zeros_like(seen) if self.silent else seen
            out = block(seen, join)
            self.x = _where(there, out, seen)
            return _where(there, out, torch.zeros_like(out)) if self.silent else self.x

        return run


def _where(there: Tensor, present: Tensor, absent: Tensor) -> Tensor:
    """Example by example; `present` itself where all are there, `absent` where none is."""
    if there.all():
        return present
    if not there.any():
        return absent
    mask = there.to(present.device).view(-1, *[1] * (present.dim() - 1))
    return torch.where(mask, present, absent)
