"""A network, a batch and a step -> the loss of a named training scheme, for any training loop.

`plain` is the loss of the output. A depth scheme sets two things in each step: the weight of the loss at each
depth, and the probability to drop each block. The loss at depth k is that of the network's single head after k
blocks; depth 0, the embedding alone, is never trained. `aligned`, `layerskip` and `layerdrop` are depth
schemes; the paper's section 7 compares AC with them. `branches` adds the losses of branch classifiers. Every
scheme trains every wiring.

>>> scheme = schemes.scheme("aligned")
>>> for step, (x, y) in enumerate(batches):
...     scheme.loss(model, x, y, step, total_steps).backward()
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from acn_bench.backbones import Backbone
from acn_bench.backbones.dropping import Dropping
from acn_bench.errors import shorten
from acn_bench.registry import closest

Inputs = Tensor | Sequence[Tensor | None]  # a network's input, or all of its inputs


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """`plain`: the loss of the output, for any network. The base class of all schemes."""

    criterion: Callable[[Tensor, Tensor], Tensor] = cross_entropy

    def loss(
        self, model: nn.Module, x: Inputs, y: Tensor, step: int = 0, total_steps: int | None = None
    ) -> Tensor:
        """The loss of a batch.

        Args:
            model: a `Backbone`; for `plain` any network.
            x: the network's input, or a sequence of its inputs.
            y: (B,), the criterion's targets.
            step: counts from 0.
            total_steps: the number of steps; None is fine-tuning, without a ramp.

        Raises TypeError for a network that is not a `Backbone`, ValueError for one without the branches.
        """
        return self.criterion(model(*_inputs(x)), y)


@dataclass(frozen=True, kw_only=True)
class DepthScheme(Scheme):
    """A weighted sum of the losses of all depths by one head. Default: full depth alone, and no dropped blocks."""

    def weights(self, depth: int, step: int = 0) -> tuple[float, ...]:
        """The weights of the losses after 0, 1, …, L blocks, (L+1,); their sum is 1."""
        return (*[0.0] * depth, 1.0)

    def dropping(
        self, depth: int, step: int = 0, total_steps: int | None = None
    ) -> Dropping | None:
        """The probability to drop each block in this step; None for no dropping."""
        return None

    def loss(
        self, model: nn.Module, x: Inputs, y: Tensor, step: int = 0, total_steps: int | None = None
    ) -> Tensor:
        backbone = _as_backbone(model)
        with dropped(backbone, self.dropping(backbone.depth, step, total_steps)):
            if self.weights(backbone.depth, step)[-1] == 1:
                return self.criterion(backbone(*_inputs(x)), y)
            return self.of_depths(backbone.forward_depths(*_inputs(x)), y, step)

    def of_depths(self, logits: Sequence[Tensor] | Tensor, y: Tensor, step: int = 0) -> Tensor:
        """The loss from the logits of every depth, (L+1, B, K), of one head or of several.

        For a multi-head model, take the logits from `backbones.depth_logits`, inside `dropped` to drop blocks.
        """
        weights = self.weights(len(logits) - 1, step)
        losses = [w * self.criterion(row, y) for w, row in zip(weights, logits, strict=True) if w]
        return torch.stack(losses).sum()


@dataclass(frozen=True, kw_only=True)
class Aligned(DepthScheme):
    """One head trained at every depth, with weights that grow with depth: w_l = 2(l+1) / (L(L+1)), l = 0 … L-1.

    Jiang et al., Tracing Representation Progression, ICLR 2025; l counts blocks from 0, so that after k
    blocks the weight is 2k / (L(L+1)).
    """

    def weights(self, depth: int, step: int = 0) -> tuple[float, ...]:
        return tuple(2 * k / (depth * (depth + 1)) for k in range(depth + 1))


@dataclass(frozen=True, kw_only=True)
class LayerSkip(DepthScheme):
    """Drop deeper blocks, and later in training, more often; train a rotating subset of depths (Elhoushi 2024).

    Block l = 0 … L-1 is dropped for an example with p = S(t) D(l) p_max, where D(l) = 2^(l/(L-1)) - 1 and
    S(t) = 2^(t/(T-1)) - 1; in fine-tuning S = 1. The weight of the loss after block l is e(l) = e_scale
    (0 + 1 + … + l), and after the last block L-1 + e_scale (0 + … + L-2), divided by the sum over the depths of
    the subset. The rotational curriculum takes every R-th block and shifts by one in each step. The defaults
    are those of the ACN paper, appendix B; its code has R = L-1 (15 of 16).
    """

    max_rate: float = 0.1  # p_max
    exit_scale: float = 0.2  # e_scale
    every: int | None = None  # R; None is L-1
    shift: int = 1  # blocks by which the curriculum shifts in each step
    # always train the last depth, as in LayerSkip's code; in the ACN paper's code it rotates, too
    last_always: bool = True

    def __post_init__(self) -> None:
        """Raises ValueError for an invalid option."""
        _check_share("max_rate", self.max_rate)
        if not self.exit_scale >= 0:
            raise ValueError(f"exit_scale is a weight, 0 or more, not {self.exit_scale}")
        if self.every is not None and self.every < 1:
            raise ValueError(f"every (R) is a number of blocks, 1 or more, not {self.every}")

    def weights(self, depth: int, step: int = 0) -> tuple[float, ...]:
        on = self.curriculum(depth, step)
        exits = [self.exit_scale * i * (i + 1) / 2 for i in range(depth - 1)]
        exits.append(depth - 1 + self.exit_scale * (depth - 2) * (depth - 1) / 2)
        masked = [e if c else 0.0 for e, c in zip(exits, on, strict=True)]
        if not sum(masked):  # block 0 has weight 0, and may be the only one
            return (*[0.0] * depth, 1.0)
        return (0.0, *(e / sum(masked) for e in masked))

    def curriculum(self, depth: int, step: int) -> tuple[bool, ...]:
        """C(t, l): whether the loss after each block is in the subset, (L,)."""
        every = self.every or max(depth - 1, 1)
        on = [(i - self.shift * step) % depth % every == 0 for i in range(depth)]
        return (*on[:-1], on[-1] or self.last_always)

    def dropping(self, depth: int, step: int = 0, total_steps: int | None = None) -> Dropping:
        late = 1.0 if total_steps is None else _ramp(step, total_steps)
        return Dropping(tuple(late * _ramp(i, depth) * self.max_rate for i in range(depth)))


@dataclass(frozen=True, kw_only=True)
class LayerDrop(DepthScheme):
    """Drop each block for a whole batch, all with the same probability (Fan et al. 2020, and fairseq)."""

    rate: float = 0.2  # p

    def __post_init__(self) -> None:
        """Raises ValueError for a rate outside [0, 1]."""
        _check_share("rate", self.rate)

    def dropping(self, depth: int, step: int = 0, total_steps: int | None = None) -> Dropping:
        return Dropping((self.rate,) * depth, per_example=False)


@dataclass(frozen=True, kw_only=True)
class BranchScheme(Scheme):
    """The loss of the output plus the weighted loss of each branch (ACN paper, appendix H).

    `backbones.add_branches` adds the branches. The weights are in the order of the blocks; the defaults are the
    paper's, for branches after 4, 8 and 12 of 16 blocks.
    """

    exit_weights: tuple[float, ...] = (0.8, 0.6, 0.4)

    def __post_init__(self) -> None:
        """Raises ValueError for a weight below 0."""
        if not all(w >= 0 for w in self.exit_weights):
            raise ValueError(f"exit_weights are 0 or more, not {self.exit_weights}")

    def loss(
        self, model: nn.Module, x: Inputs, y: Tensor, step: int = 0, total_steps: int | None = None
    ) -> Tensor:
        backbone = _as_backbone(model)
        after = backbone.branches.depths if backbone.branches else ()
        if not after:
            raise ValueError(
                "the network has no branches: add them with backbones.add_branches(model, after=(…))"
            )
        if len(after) != len(self.exit_weights):
            raise ValueError(
                f"{len(self.exit_weights)} exit_weights {self.exit_weights} for {len(after)} branches, after "
                f"{', '.join(map(str, after))}: give one for each"
            )
        *branches, output = backbone.exit_logits(*_inputs(x)).values()
        losses = [self.criterion(output, y)]
        for weight, logits in zip(self.exit_weights, branches, strict=True):
            losses.append(weight * self.criterion(logits, y))
        return torch.stack(losses).sum()


SCHEMES: dict[str, type[Scheme]] = {
    "plain": Scheme,
    "aligned": Aligned,
    "layerskip": LayerSkip,
    "layerdrop": LayerDrop,
    "branches": BranchScheme,
}


def scheme(name: str, **options: Any) -> Scheme:
    """The scheme of that name, e.g. `scheme("layerdrop", rate=0.1)`.

    Raises LookupError for an unknown name or option, ValueError for an invalid value.
    """
    if name not in SCHEMES:
        raise LookupError(f"unknown scheme {shorten(name)}. {closest(name, SCHEMES)}")
    known = [field.name for field in fields(SCHEMES[name])]
    for option in options:
        if option not in known:
            raise LookupError(f"{name} has no option {shorten(option)}. {closest(option, known)}")
    return SCHEMES[name](**options)


@contextmanager
def dropped(model: Backbone, dropping: Dropping | None) -> Iterator[None]:
    """Inside, drop blocks of `model` in training mode; afterwards restore its setting."""
    before = model.dropping
    model.dropping = dropping
    try:
        yield
    finally:
        model.dropping = before


def _as_backbone(model: nn.Module) -> Backbone:
    if not isinstance(model, Backbone):
        raise TypeError(f"this scheme needs a Backbone, not a {type(model).__name__}")
    return model


def _inputs(x: Inputs) -> tuple[Tensor | None, ...]:
    return (x,) if isinstance(x, Tensor) else tuple(x)


def _check_share(name: str, share: float) -> None:
    if not 0 <= share <= 1:
        raise ValueError(f"{name} is a probability, from 0 to 1, not {share}")


def _ramp(i: int, count: int) -> float:
    """From 0 at i = 0 to 1 at i = count - 1, exponentially."""
    return float(2 ** min(i / max(count - 1, 1), 1.0) - 1)
