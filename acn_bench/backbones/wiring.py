"""What auto-compressing is, and what it is compared with: five wirings, side by side.

A wiring says three things: what a block sees, what *join* does with the output of a branch, and what
the head reads after 0, 1, …, L blocks. `reads(x0, blocks)` yields the last of these in order, so the
same lines define the forward pass (their last value) and the sub-networks that utilised depth compares.
A block is called as `block(x, join)` and calls `join(x, branch)` wherever a residual network would add.
What goes from block to block is a few tensors, the last of which is what the head reads there: `start`
says which after no block, and `after` which after one more.

x0 is the embedding, (B, T, D). Equations: Dorovatas et al., Auto-Compressing Networks, NeurIPS 2025.
"""

import copy
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn

from acn_bench.backbones.checkpointed import checkpointed

Join = Callable[[Tensor, Tensor], Tensor]
Block = Callable[[Tensor, Join], Tensor]


def add(x: Tensor, branch: Tensor) -> Tensor:
    """The short connection: the branch is added to what it saw."""
    return x + branch


def branch_alone(x: Tensor, branch: Tensor) -> Tensor:
    """No short connection: what the branch saw is gone. The stream keeps its precision."""
    return branch.to(x.dtype, memory_format=torch.contiguous_format)


class Wiring(nn.Module):
    """The base of all: a rule for `depth` blocks of `width` channels; most have no weights."""

    checkpointing = False  # what is combined for a block is made again for its gradient, not kept
    # i, counted from 0, block i and what is carried to it -> what is carried on
    after: Callable[..., tuple[Tensor, ...]]

    def __init__(self, depth: int = 0, width: int = 0) -> None:
        super().__init__()

    def cut(self, depth: int) -> "Wiring":
        """The rule for the first `depth` blocks."""
        return self

    def reads(self, x: Tensor, blocks: Iterable[Block]) -> Iterator[Tensor]:
        """Yield what the head reads after 0, 1, …, L blocks."""
        carried = self.start(x)
        yield carried[-1]
        for i, block in enumerate(blocks):
            carried = self.after(i, block, *carried)
            yield carried[-1]

    def start(self, x: Tensor) -> tuple[Tensor, ...]:
        """x_0 -> what is carried to the first block."""
        return (x,)


class Residual(Wiring):
    """x_i = x_{i-1} + f_i(x_{i-1}),  y = x_L (He et al. 2016)."""

    def after(self, i: int, block: Block, x: Tensor) -> tuple[Tensor]:
        """Carry the stream."""
        return (block(x, add),)


class AutoCompressing(Wiring):
    """x_i = f_i(x_{i-1}),  y = x_0 + x_1 + … + x_L (equation 1; the embedding is in the sum)."""

    def start(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Carry x_0, and the sum so far."""
        return x, x

    def after(self, i: int, block: Block, x: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
        """Carry the last output and the sum so far; no block ever sees the sum."""
        x = block(x, branch_alone)
        return x, total + x


class Feedforward(Wiring):
    """x_i = f_i(x_{i-1}),  y = x_L."""

    def after(self, i: int, block: Block, x: Tensor) -> tuple[Tensor]:
        """Carry the last output."""
        return (block(x, branch_alone),)


class DenseNet(Wiring):
    """x_i = f_i(P_i [x_0, …, x_{i-1}]),  y = x_L: each block sees all earlier outputs, projected.

    P_i is a bias-free Linear from i·D to D that starts as their sum (the paper's appendix E and the
    authors' `concat_mixer.py`; Huang et al. 2017).
    """

    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        self.projections = nn.ModuleList(
            nn.Linear(i * width, width, bias=False) for i in range(1, depth + 1)
        )
        for i, projection in enumerate(self.projections, start=1):
            projection.weight.data = torch.eye(width).repeat(1, i)

    def cut(self, depth: int) -> "Wiring":
        """Without the projections of the blocks that are gone."""
        return _with(self, projections=self.projections[:depth])

    def after(self, i: int, block: Block, *outputs: Tensor) -> tuple[Tensor, ...]:
        """Carry every output."""
        combine = checkpointed(self._combined) if self.checkpointing else self._combined
        return (*outputs, block(combine(i, *outputs), branch_alone))

    def _combined(self, i: int, *outputs: Tensor) -> Tensor:
        """The projection of all outputs so far; the concatenation is as large as they are together."""
        seen: Tensor = self.projections[i](torch.cat(outputs, dim=-1))
        return seen.to(outputs[0].dtype)


class DenseFormer(Wiring):
    """x_i = f_i(Σ_j a_ij x_j),  y = x_L: each block sees a learned combination of all earlier outputs.

    One scalar a_ij for each earlier output, 1 at the start; only what blocks see is combined (the
    paper's appendix E and the authors' `denseformer_mixer.py`; Pagliardini et al. 2024).
    """

    def __init__(self, depth: int, width: int = 0) -> None:
        super().__init__()
        self.scalars = nn.ParameterList(torch.ones(i) for i in range(1, depth + 1))

    def cut(self, depth: int) -> "Wiring":
        """Without the scalars of the blocks that are gone."""
        return _with(self, scalars=self.scalars[:depth])

    def after(self, i: int, block: Block, *outputs: Tensor) -> tuple[Tensor, ...]:
        """Carry every output."""
        scalars = self.scalars[i].unbind()
        seen = sum(a * out for a, out in zip(scalars, outputs, strict=True))
        return (*outputs, block(seen, branch_alone))


WIRINGS: dict[str, type[Wiring]] = {
    "ac": AutoCompressing,
    "residual": Residual,
    "feedforward": Feedforward,
    "densenet": DenseNet,
    "denseformer": DenseFormer,
}


def _with(wires: Wiring, **parts: nn.Module) -> Wiring:
    """A shallow copy with other parts."""
    other = copy.copy(wires)
    other._modules = {**wires._modules, **parts}
    return other


def last(reads: Iterator[Tensor]) -> Tensor:
    """The full network's read: what is left when the generator ends. Nothing else is kept alive."""
    for x in reads:  # noqa: B007
        pass
    return x


def stacked(reads: Iterator[Tensor]) -> Tensor:
    """Every read, (L+1, …)."""
    return torch.stack(list(reads))
