"""A network and inputs -> logits, each example's from the first exit that is sure enough of it.

An exit is a classifier after a block: the network's one head, after any block, or a branch. An example
leaves at the first exit the entropy of whose softmax lies below a threshold, and no later block sees it: the
batch shrinks, with all that the wiring carries. Who is left at the end gets the output (ACN paper, appendix
H and Table 7).

>>> add_branches(model, after=(4, 8, 12))              # then train them: training.schemes, "branches"
>>> left = EarlyExit(model, threshold=0.7, by="branches")(images)
>>> left.logits, left.depth                            # (B, K), and the blocks that each example took, (B,)
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from acn_bench.backbones.backbone import Backbone, stream
from acn_bench.backbones.branches import AFTER, Branches
from acn_bench.registry import closest

THRESHOLD = 0.7  # nats, of the entropy (ACN paper, appendix H)

Kind = Literal["head", "branches"]


@dataclass(frozen=True)
class EarlyExitOutput:
    """What a batch got, and after how many blocks."""

    logits: Tensor  # (B, K), float32
    depth: Tensor  # (B,), int64


class EarlyExit:
    """A network that answers as soon as it is sure. Nothing of the network changes.

    Args:
        model: a `Backbone` with one head, in evaluation mode where its modules differ there; blocks do not
            drop.
        threshold: of the entropy of the softmax, in nats: an example leaves below it. At 0 none does; ln K
            and more let all leave at the first exit.
        by: `head`, best trained by the scheme `aligned`; or `branches`, by the scheme of that name.
        after: the blocks that an exit comes after; default all, or all branches.

    Raises TypeError for what is no such network; ValueError for an exit after a block that does not exist, for
    branches that do not, and for a threshold below 0.
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
            raise ValueError(f"unknown exits {by!r}. {closest(by, get_args(Kind))}")
        self.model = model
        self.threshold = threshold
        self.by = by
        early = _by_head(model, after) if by == "head" else _by_branches(model, after)
        self.depths = (*(k for k in early if k < model.depth), model.depth)  # the last is the end

    @torch.no_grad()
    def __call__(self, *inputs: Tensor | None, **named: Tensor | None) -> EarlyExitOutput:
        """The network's inputs -> logits and depths, in the order of the batch."""
        return self._run(lambda _, logits: entropy(logits) < self.threshold, *inputs, **named)

    def leaving_after(
        self, depth: int, *inputs: Tensor | None, **named: Tensor | None
    ) -> EarlyExitOutput:
        """The same pass, in which every example leaves at that exit: what `cost.by_exit` counts."""

        def should_exit(k: int, logits: Tensor) -> Tensor:
            return torch.full((len(logits),), k == depth, device=logits.device)

        return self._run(should_exit, *inputs, **named)

    def _run(
        self, should_exit: Callable[[int, Tensor], Tensor], *inputs: Any, **named: Any
    ) -> EarlyExitOutput:
        """`leaves(k, logits)` says who does, (B,) of bool; at the end all do."""
        model = self.model
        with model.autocast():
            x, told = model.embedded(*inputs, **named)
            carried = model.wiring.start(stream(x))
        here = torch.arange(len(x), device=x.device)  # whose rows they are
        found: Tensor | None = None
        depth = torch.full_like(here, model.depth)
        for k in range(model.depth + 1):
            if k:
                with model.autocast():
                    block = partial(model.blocks[k - 1], **told)
                    carried = model.wiring.after(k - 1, block, *carried)
            if k not in self.depths:
                continue
            logits = self._logits(k, carried[-1])
            if found is None:
                found = logits.new_empty(len(x), logits.shape[1])
            end = k == model.depth
            leave = torch.ones_like(here, dtype=torch.bool) if end else should_exit(k, logits)
            found[here[leave]], depth[here[leave]] = logits[leave], k
            if leave.all():
                break
            if leave.any():
                stay = ~leave
                here, carried = here[stay], tuple(t[stay] for t in carried)
                told = {name: t if t is None else t[stay] for name, t in told.items()}
        assert found is not None  # the last of `depths` is the end
        return EarlyExitOutput(found, depth)

    def _logits(self, k: int, read: Tensor) -> Tensor:
        """What is read after k blocks, (B, T, D), -> logits (B, K)."""
        if self.by == "head" or k == self.model.depth:
            logits: Tensor = self.model.head(self.model.readout(read))
            return logits
        return self.model.branched(k, read)


def entropy(logits: Tensor) -> Tensor:
    """Of the softmax, in nats, (B, K) -> (B,)."""
    of_each: Tensor = torch.special.entr(logits.softmax(dim=-1))
    return of_each.sum(dim=-1)


def add_branches(model: Backbone, after: Iterable[int] = AFTER) -> Branches:
    """Give a network branches, drawn from torch's global generator, as wide as its head: `model.branches`.

    They are saved, loaded and moved with it; a state dict loads where the same branches were added before.
    `truncate` keeps those that come before the cut. Branches that it had are gone; `model.branches = None`
    takes them away.

    Raises ValueError for a block that a branch cannot come after, and where the head is no Linear.
    """
    _check_network(model)
    wanted = sorted(set(after))
    strange = [k for k in wanted if not 1 <= k < model.depth]
    if strange or not wanted:
        raise ValueError(
            f"no branch can come after block {strange[0] if strange else None}: the network has "
            f"{model.depth} blocks, and a branch comes after one before the last; choose with after=(…)"
        )
    head = model.head
    if not isinstance(head, nn.Linear):
        raise ValueError(f"branches are as wide as the head, a Linear, not a {type(head).__name__}")
    made = Branches(wanted, head.in_features, head.out_features)
    model.branches = made.to(head.weight)
    return made


def _check_network(model: nn.Module) -> None:
    if not isinstance(model, Backbone):
        raise TypeError(
            f"a {type(model).__name__} has no exits: no Backbone with one head. Of a MultiHead, set "
            "`backbone.head = heads[e]`"
        )


def _by_head(model: Backbone, after: Iterable[int] | None) -> list[int]:
    wanted = list(range(1, model.depth)) if after is None else sorted(set(after))
    for k in wanted:
        if not 1 <= k <= model.depth:
            raise ValueError(f"there is no block {k} to leave after: the network has {model.depth}")
    return wanted


def _by_branches(model: Backbone, after: Iterable[int] | None) -> list[int]:
    branches = model.branches
    if branches is None:
        raise ValueError(
            "the network has no branches: add_branches(model, after=(…)) gives it some, and the training "
            "scheme `branches` trains them"
        )
    wanted = list(branches.depths) if after is None else sorted(set(after))
    for k in wanted:
        if k not in branches.depths:
            there = ", ".join(map(str, branches.depths))
            raise ValueError(f"there is no branch after block {k}; there are after {there}")
    classes, head = branches.num_classes, getattr(model.head, "out_features", None)
    if classes != head:
        raise ValueError(
            f"branches say {classes} classes, and the head {head}: add_branches makes others"
        )
    return wanted
