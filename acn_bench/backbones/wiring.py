"""Auto-compressing networks, and the four wirings that they are compared with.

A wiring connects the blocks of a network. It defines the input of each block, what `join` computes from a
branch and its input, and the hidden state after 0, 1, …, L blocks. `hidden_states(x0, blocks)` yields these
in order. The readout and the head turn the last hidden state into the network's output, and an earlier one
into the output of a shallower sub-network: the forward pass and utilised depth share one definition.

A block is called as `block(x, join)` and calls `join(x, branch)` wherever a residual network adds.
A wiring carries a few tensors from block to block; the last of them is the hidden state. `start` returns
them before the first block, and `step` after one more block.

x0 is the embedding, (B, T, D); so is every hidden state. Equations: Dorovatas et al., Auto-Compressing
Networks, NeurIPS 2025.
"""

import copy
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn

from acn_bench.backbones.checkpointed import checkpointed

Join = Callable[[Tensor, Tensor], Tensor]
Block = Callable[[Tensor, Join], Tensor]


def add(x: Tensor, branch: Tensor) -> Tensor:
    """Join with a short connection: add the branch to its input."""
    return x + branch


def branch_alone(x: Tensor, branch: Tensor) -> Tensor:
    """Join without a short connection: drop the input, keep its dtype."""
    return branch.to(x.dtype, memory_format=torch.contiguous_format)


class Wiring(nn.Module):
    """The base class: the connections of `depth` blocks of `width` channels. Most have no weights."""

    checkpointing = False  # compute the input of a block again in the backward pass
    # (i, block i, *carried) -> carried; blocks count from 0
    step: Callable[..., tuple[Tensor, ...]]

    def __init__(self, depth: int = 0, width: int = 0) -> None:
        super().__init__()

    def cut(self, depth: int) -> "Wiring":
        """The wiring of the first `depth` blocks."""
        return self

    def hidden_states(self, x: Tensor, blocks: Iterable[Block]) -> Iterator[Tensor]:
        """Yield the hidden state after 0, 1, …, L blocks."""
        carried = self.start(x)
        yield carried[-1]
        for i, block in enumerate(blocks):
            carried = self.step(i, block, *carried)
            yield carried[-1]

    def start(self, x: Tensor) -> tuple[Tensor, ...]:
        """Carry x_0 to the first block."""
        return (x,)


class Residual(Wiring):
    """x_i = x_{i-1} + f_i(x_{i-1}),  y = x_L (He et al. 2016)."""

    def step(self, i: int, block: Block, x: Tensor) -> tuple[Tensor]:
        """Carry the residual stream."""
        return (block(x, add),)


class AutoCompressing(Wiring):
    """x_i = f_i(x_{i-1}),  y = x_0 + x_1 + … + x_L (equation 1; the sum includes the embedding)."""

    def start(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Carry x_0, and the sum so far."""
        return x, x

    def step(self, i: int, block: Block, x: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
        """Carry the last output and the sum so far. The sum is never the input of a block."""
        x = block(x, branch_alone)
        return x, total + x


class Feedforward(Wiring):
    """x_i = f_i(x_{i-1}),  y = x_L."""

    def step(self, i: int, block: Block, x: Tensor) -> tuple[Tensor]:
        """Carry the last output."""
        return (block(x, branch_alone),)


class DenseNet(Wiring):
    """x_i = f_i(P_i [x_0, …, x_{i-1}]),  y = x_L: a block's input is a projection of all earlier outputs.

    P_i is a bias-free Linear from i·D to D, initialised to the sum of the outputs (the paper's appendix E
    and the authors' `concat_mixer.py`; Huang et al. 2017).
    """

    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        self.projections = nn.ModuleList(
            nn.Linear(i * width, width, bias=False) for i in range(1, depth + 1)
        )
        for i, projection in enumerate(self.projections, start=1):
            projection.weight.data = torch.eye(width).repeat(1, i)

    def cut(self, depth: int) -> "Wiring":
        """Drop the projections of the later blocks."""
        return _replace(self, projections=self.projections[:depth])

    def step(self, i: int, block: Block, *outputs: Tensor) -> tuple[Tensor, ...]:
        """Carry every output."""
        project = checkpointed(self._project) if self.checkpointing else self._project
        return (*outputs, block(project(i, *outputs), branch_alone))

    def _project(self, i: int, *outputs: Tensor) -> Tensor:
        """P_i of all outputs so far. The concatenation takes as much memory as all of them."""
        projected: Tensor = self.projections[i](torch.cat(outputs, dim=-1))
        return projected.to(outputs[0].dtype)


class DenseFormer(Wiring):
    """x_i = f_i(Σ_j a_ij x_j),  y = x_L: a block's input is a learned combination of all earlier outputs.

    One scalar a_ij for each earlier output, initialised to 1. The output y is not combined (the paper's
    appendix E and the authors' `denseformer_mixer.py`; Pagliardini et al. 2024).
    """

    def __init__(self, depth: int, width: int = 0) -> None:
        super().__init__()
        self.scalars = nn.ParameterList(torch.ones(i) for i in range(1, depth + 1))

    def cut(self, depth: int) -> "Wiring":
        """Drop the scalars of the later blocks."""
        return _replace(self, scalars=self.scalars[:depth])

    def step(self, i: int, block: Block, *outputs: Tensor) -> tuple[Tensor, ...]:
        """Carry every output."""
        scalars = self.scalars[i].unbind()
        combined = sum(a * out for a, out in zip(scalars, outputs, strict=True))
        return (*outputs, block(combined, branch_alone))


WIRINGS: dict[str, type[Wiring]] = {
    "ac": AutoCompressing,
    "residual": Residual,
    "feedforward": Feedforward,
    "densenet": DenseNet,
    "denseformer": DenseFormer,
}


def _replace(wiring: Wiring, **modules: nn.Module) -> Wiring:
    """A shallow copy with these modules replaced."""
    replaced = copy.copy(wiring)
    replaced._modules = {**wiring._modules, **modules}
    return replaced


def last(hidden_states: Iterator[Tensor]) -> Tensor:
    """The hidden state after all L blocks. Earlier ones are freed on the way."""
    for hidden_state in hidden_states:  # noqa: B007
        pass
    return hidden_state
