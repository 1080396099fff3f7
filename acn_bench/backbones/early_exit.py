"""Early exit: each example gets the logits of the first exit with a low enough entropy.

An exit is a classifier after a block: the network's single head, after any block, or a branch. An example
exits where the entropy of the softmax is below a threshold. Later blocks do not process it: the batch shrinks,
with all tensors that the wiring carries. Examples that never exit early get the network's output (ACN paper,
appendix H and Table 7).

>>> add_branches(model, after=(4, 8, 12))              # then train them: training.schemes, "branches"
>>> output = EarlyExit(model, threshold=0.7, by="branches")(images)
>>> output.logits, output.depth                        # (B, K), and the number of blocks used, (B,)
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from acn_bench.backbones.backbone import Backbone, to_stream
from acn_bench.backbones.branches import AFTER, Branches
from acn_bench.errors import shorten
from acn_bench.registry import closest

THRESHOLD = 0.7  # nats, of the entropy (ACN paper, appendix H)

Kind = Literal["head", "branches"]


@dataclass(frozen=True)
class EarlyExitOutput:
    """The logits of a batch, and the number of blocks that each example used."""

    logits: Tensor  # (B, K), float32
    depth: Tensor  # (B,), int64


class EarlyExit:
    """A network with early exit. It does not change the network.

    Args:
        model: a `Backbone` with a single head. Set evaluation mode first if its modules behave differently
            there. It ignores `model.dropping`.
        threshold: an example exits where the entropy of the softmax, in nats, is below it. At 0 no example
            exits early; above ln K all exit at the first exit.
        by: `head`, best trained by the scheme `aligned`; or `branches`, by the scheme of that name.
        after: put exits after these blocks; default: every block, or every branch.

    Raises TypeError for a model that is not such a network; ValueError for an exit after an unknown block, for
    missing branches, and for a threshold below 0.
    """

    def __init__(
        self,
        model: Backbone,
        threshold: float = THRESHOLD,
        by: Kind = "head",
        after: Iterable[int] | None = None,
    ) -> None:
        _check_network(model)
        if not threshold >= 0:
            raise ValueError(f"the threshold is an entropy, 0 or more, not {threshold}")
        if by not in get_args(Kind):
            raise ValueError(f"unknown exits {shorten(by)}. {closest(by, get_args(Kind))}")
        self.model = model
        self.threshold = threshold
        self.by = by
        early = _by_head(model, after) if by == "head" else _by_branches(model, after)
        self.depths = (
            *(k for k in early if k < model.depth),
            model.depth,
        )  # the last exit: the output

    @torch.no_grad()
    def __call__(self, *inputs: Tensor | None, **named: Tensor | None) -> EarlyExitOutput:
        """The network's inputs -> logits and depths, in the order of the batch."""
        return self._run(lambda _, logits: entropy(logits) < self.threshold, *inputs, **named)

    def exit_after(
        self, depth: int, *inputs: Tensor | None, **named: Tensor | None
    ) -> EarlyExitOutput:
        """The same pass, but every example exits after `depth` blocks: `cost.by_exit` counts its FLOPs."""

        def should_exit(k: int, logits: Tensor) -> Tensor:
            return torch.full((len(logits),), k == depth, device=logits.device)

        return self._run(should_exit, *inputs, **named)

    def _run(
        self, should_exit: Callable[[int, Tensor], Tensor], *inputs: Any, **named: Any
    ) -> EarlyExitOutput:
        """`should_exit(k, logits)`: which examples exit after k blocks, (B,) of bool. At depth L all do."""
        model = self.model
        with model.autocast():
            x, block_arguments = model.embed(*inputs, **named)
            carried = model.wiring.start(to_stream(x))
        rows = torch.arange(len(x), device=x.device)  # in the original batch
        output: Tensor | None = None
        depth = torch.full_like(rows, model.depth)
        for k in range(model.depth + 1):
            if k:
                with model.autocast():
                    block = partial(model.blocks[k - 1], **block_arguments)
                    carried = model.wiring.step(k - 1, block, *carried)
            if k not in self.depths:
                continue
            logits = self._logits(k, carried[-1])
            if output is None:
                output = logits.new_empty(len(x), logits.shape[1])
            end = k == model.depth
            exits = torch.ones_like(rows, dtype=torch.bool) if end else should_exit(k, logits)
            output[rows[exits]], depth[rows[exits]] = logits[exits], k
            if exits.all():
                break
            if exits.any():
                stays = ~exits
                rows, carried = rows[stays], tuple(t[stays] for t in carried)
                block_arguments = {
                    name: t if t is None else t[stays] for name, t in block_arguments.items()
                }
        assert output is not None  # depth L is always an exit
        return EarlyExitOutput(output, depth)

    def _logits(self, k: int, hidden_state: Tensor) -> Tensor:
        """The hidden state after k blocks, (B, T, D) -> logits (B, K)."""
        if self.by == "head" or k == self.model.depth:
            logits: Tensor = self.model.head(self.model.readout(hidden_state))
            return logits
        return self.model.branch_logits(k, hidden_state)


def entropy(logits: Tensor) -> Tensor:
    """The entropy of the softmax, in nats, (B, K) -> (B,)."""
    terms: Tensor = torch.special.entr(logits.softmax(dim=-1))
    return terms.sum(dim=-1)


def add_branches(model: Backbone, after: Iterable[int] = AFTER) -> Branches:
    """Add branches to a network as `model.branches`, with as many classes as its head. Replaces earlier ones.

    Draws weights from torch's global generator. Branches are saved, loaded and moved with the network; to load
    a state dict, add the same branches first. `truncate` keeps the branches before the cut. `model.branches =
    None` removes all.

    Raises ValueError for a block that a branch cannot follow, and for a head that is not a Linear.
    """
    _check_network(model)
    depths = sorted(set(after))
    invalid = [k for k in depths if not 1 <= k < model.depth]
    if invalid or not depths:
        raise ValueError(
            f"no branch can come after block {invalid[0] if invalid else None}: the network has "
            f"{model.depth} blocks, and a branch comes after one before the last; choose with after=(…)"
        )
    head = model.head
    if not isinstance(head, nn.Linear):
        raise ValueError(f"branches need a head that is a Linear, not a {type(head).__name__}")
    branches, like = Branches(depths, head.in_features, head.out_features), head.weight
    if (like.device, like.dtype) != (torch.device("cpu"), torch.float32):
        branches.to(like)  # tensors without values refuse it, and need it never
    model.branches = branches
    return branches


def _check_network(model: nn.Module) -> None:
    if not isinstance(model, Backbone):
        raise TypeError(
            f"early exit needs a Backbone with a single head, not a {type(model).__name__}. For head e of a "
            "MultiHead, set `backbone.head = heads[e]`"
        )


def _by_head(model: Backbone, after: Iterable[int] | None) -> list[int]:
    depths = list(range(1, model.depth)) if after is None else sorted(set(after))
    for k in depths:
        if not 1 <= k <= model.depth:
            raise ValueError(f"no exit can come after block {k}: the network has {model.depth}")
    return depths


def _by_branches(model: Backbone, after: Iterable[int] | None) -> list[int]:
    branches = model.branches
    if branches is None:
        raise ValueError(
            "the network has no branches: add them with add_branches(model, after=(…)), and train them with "
            "the scheme `branches`"
        )
    depths = list(branches.depths) if after is None else sorted(set(after))
    for k in depths:
        if k not in branches.depths:
            known = ", ".join(map(str, branches.depths))
            raise ValueError(f"no branch comes after block {k}; branches come after {known}")
    classes, head = branches.num_classes, getattr(model.head, "out_features", None)
    if classes != head:
        raise ValueError(
            f"the branches have {classes} classes, and the head has {head}: add_branches makes new ones"
        )
    return depths
