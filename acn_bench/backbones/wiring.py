"""What auto-compressing is, and what it is compared with: five wirings, side by side.

A wiring says three things: what a block sees, what *join* does with the output of a branch, and what
the head reads after 0, 1, …, L blocks. `reads(x0, blocks)` yields the last of these in order, so the
same lines define the forward pass (their last value) and the sub-networks that utilised depth compares.
A block is called as `block(x, join)` and calls `join(x, branch)` wherever a residual network would add.

x0 is the embedding, (B, T, D). Equations: Dorovatas et al., Auto-Compressing Networks, NeurIPS 2025.
"""

import copy
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn

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

    def __init__(self, depth: int = 0, width: int = 0) -> None:
        super().__init__()

    def cut(self, depth: int) -> "Wiring":
        """The rule for the first `depth` blocks."""
        return self

    def reads(self, x: Tensor, blocks: Iterable[Block]) -> Iterator[Tensor]:
        """Yield what the head reads after 0, 1, …, L blocks."""
        raise NotImplementedError


class Residual(Wiring):
    """x_i = x_{i-1} + f_i(x_{i-1}),  y = x_L (He et al. 2016)."""

    def reads(self, x: Tensor, blocks: Iterable[Block]) -> Iterator[Tensor]:
        """Yield the stream after each block."""
        yield x
        for block in blocks:
            x = block(x, add)
            yield x


class AutoCompressing(Wiring):
    """x_i = f_i(x_{i-1}),  y = x_0 + x_1 + … + x_L (equation 1; the embedding is in the sum)."""

    def reads(self, x: Tensor, blocks: Iterable[Block]) -> Iterator[Tensor]:
        """Yield the sum so far; no block ever sees it."""
        total = x
        yield total
        for block in blocks:
            x = block(x, branch_alone)
            total = total + x
            yield total


class Feedforward(Wiring):
    """x_i = f_i(x_{i-1}),  y = x_L."""

    def reads(self, x: Tensor, blocks: Iterable[Block]) -> Iterator[Tensor]:
        """Yield the last output."""
        yield x
        for block in blocks:
            x = block(x, branch_alone)
            yield x


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

    def reads(self, x: Tensor, blocks: Iterable[Block]) -> Iterator[Tensor]:
        """Yield the last output."""
        outputs = [x]
        yield x
        for project, block in zip(self.projections, blocks, strict=True):
            outputs.append(block(project(torch.cat(outputs, dim=-1)).to(x.dtype), branch_alone))
            yield outputs[-1]


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

    def reads(self, x: Tensor, blocks: Iterable[Block]) -> Iterator[Tensor]:
        """Yield the last output."""
        outputs = [x]
        yield x
        for scalars, block in zip(self.scalars, blocks, strict=True):
            seen = sum(a * out for a, out in zip(scalars.unbind(), outputs, strict=True))
            outputs.append(block(seen, branch_alone))
            yield outputs[-1]


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
