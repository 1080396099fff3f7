"""A network, a batch and a step -> the loss of a named training scheme, for anybody's loop.

A scheme says two things of a step: how much the loss of each depth weighs, and how often each block is
dropped. The loss of depth k is that of the network's one head after k blocks; depth 0, the embedding
alone, is never trained. `plain`, `aligned`, `layerskip` and `layerdrop` are what the paper's section 7
compares AC with, and any wiring can be trained by each.

>>> scheme = schemes.scheme("aligned")
>>> for step, (x, y) in enumerate(batches):
...     scheme.loss(model, x, y, step, total_steps).backward()
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from acn_bench.backbones import Backbone
from acn_bench.backbones.dropping import Dropping
from acn_bench.catalog import closest


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """`plain`: the loss of the output, and no block is dropped. The others differ where they say so."""

    criterion: Callable[[Tensor, Tensor], Tensor] = cross_entropy

    def weights(self, depth: int, step: int = 0) -> tuple[float, ...]:
        """Of the losses after 0, 1, …, L blocks, (L+1,); their sum is 1."""
        return (*[0.0] * depth, 1.0)

    def dropping(
        self, depth: int, step: int = 0, total_steps: int | None = None
    ) -> Dropping | None:
        """How often each block is dropped in this step; None where none ever is."""
        return None

    def loss(
        self,
        model: nn.Module,
        x: Tensor | Sequence[Tensor | None],
        y: Tensor,
        step: int = 0,
        total_steps: int | None = None,
    ) -> Tensor:
        """The loss of a batch.

        Args:
            model: a `Backbone`; for `plain` any network will do.
            x: its input, or all of its inputs.
            y: (B,), what the criterion wants.
            step: counts from 0.
            total_steps: how many steps there are; None is fine-tuning, where nothing is ramped up.

        Raises TypeError for a network that has no depths.
        """
        given = (x,) if isinstance(x, Tensor) else tuple(x)
        if type(self) is Scheme:
            return self.criterion(model(*given), y)
        if not isinstance(model, Backbone):
            raise TypeError(f"a {type(model).__name__} has no blocks to train apart: no Backbone")
        with dropped(model, self.dropping(model.depth, step, total_steps)):
            if self.weights(model.depth, step)[-1] == 1:
                return self.criterion(model(*given), y)
            return self.of_depths(model.forward_depths(*given), y, step)

    def of_depths(self, logits: Sequence[Tensor] | Tensor, y: Tensor, step: int = 0) -> Tensor:
        """The loss from the logits of every depth, (L+1, B, K), whichever heads gave them.

        A multi-head model gives them by `backbones.depth_logits`; `dropped` lets blocks drop meanwhile.
        """
        weights = self.weights(len(logits) - 1, step)
        losses = [w * self.criterion(row, y) for w, row in zip(weights, logits, strict=True) if w]
        return torch.stack(losses).sum()


@dataclass(frozen=True, kw_only=True)
class Aligned(Scheme):
    """One head trained at every depth, the deeper the more: w_l = 2(l+1) / (L(L+1)), l = 0 … L-1.

    Jiang et al., Tracing Representation Progression, ICLR 2025; l counts blocks from 0, so that after k
    blocks the weight is 2k / (L(L+1)).
    """

    def weights(self, depth: int, step: int = 0) -> tuple[float, ...]:
        return tuple(2 * k / (depth * (depth + 1)) for k in range(depth + 1))


@dataclass(frozen=True, kw_only=True)
class LayerSkip(Scheme):
    """Blocks that drop the more often the deeper and the later, and losses of a few depths in turn.

    Elhoushi et al. 2024: block l = 0 … L-1 drops for an example with p = S(t) D(l) p_max, where D(l) =
    2^(l/(L-1)) - 1 and S(t) = 2^(t/(T-1)) - 1; in fine-tuning S = 1. The loss after block l weighs
    e(l) = e_scale (0 + 1 + … + l), and after the last L-1 + e_scale (0 + … + L-2), over the depths that
    are on. The rotational curriculum turns on every R-th block and moves on by one each step. The defaults
    are those of the ACN paper, appendix B; its code has R = L-1 (15 of 16).
    """

    max_rate: float = 0.1  # p_max
    exit_scale: float = 0.2  # e_scale
    every: int | None = None  # R; None is L-1
    last_always: bool = (
        True  # as LayerSkip's authors have it; in the ACN paper's code it takes turns
    )

    def weights(self, depth: int, step: int = 0) -> tuple[float, ...]:
        on = self.curriculum(depth, step)
        exits = [self.exit_scale * i * (i + 1) / 2 for i in range(depth - 1)]
        exits.append(depth - 1 + self.exit_scale * (depth - 2) * (depth - 1) / 2)
        masked = [e if c else 0.0 for e, c in zip(exits, on, strict=True)]
        if not sum(masked):  # block 0 weighs nothing, and may be alone
            return (*[0.0] * depth, 1.0)
        return (0.0, *(e / sum(masked) for e in masked))

    def curriculum(self, depth: int, step: int) -> tuple[bool, ...]:
        """C(t, l): which losses are on, (L,)."""
        every = self.every or max(depth - 1, 1)
        on = [(i - step) % depth % every == 0 for i in range(depth)]
        return (*on[:-1], on[-1] or self.last_always)

    def dropping(self, depth: int, step: int = 0, total_steps: int | None = None) -> Dropping:
        late = 1.0 if total_steps is None else _ramp(step, total_steps)
        return Dropping(tuple(late * _ramp(i, depth) * self.max_rate for i in range(depth)))


@dataclass(frozen=True, kw_only=True)
class LayerDrop(Scheme):
    """Each block drops for a whole batch with one probability (Fan et al. 2020, and fairseq)."""

    rate: float = 0.2  # p

    def dropping(self, depth: int, step: int = 0, total_steps: int | None = None) -> Dropping:
        return Dropping((self.rate,) * depth, per_example=False)


SCHEMES: dict[str, type[Scheme]] = {
    "plain": Scheme,
    "aligned": Aligned,
    "layerskip": LayerSkip,
    "layerdrop": LayerDrop,
}


def scheme(name: str, **options: Any) -> Scheme:
    """The scheme of that name, e.g. `scheme("layerdrop", rate=0.1)`. Raises LookupError."""
    if name not in SCHEMES:
        raise LookupError(f"unknown scheme {name!r}. {closest(name, SCHEMES)}")
    return SCHEMES[name](**options)


@contextmanager
def dropped(model: Backbone, dropping: Dropping | None) -> Iterator[None]:
    """Inside, blocks of `model` drop in training mode; afterwards as before."""
    before = model.dropping
    model.dropping = dropping
    try:
        yield
    finally:
        model.dropping = before


def _ramp(i: int, count: int) -> float:
    """From 0 at i = 0 to 1 at i = count - 1, exponentially."""
    return float(2 ** min(i / max(count - 1, 1), 1.0) - 1)
