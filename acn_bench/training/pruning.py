"""The Linears of a network's blocks -> the same, with the least important weights at zero and kept there.

One threshold holds for all of them together. Magnitude pruning (Han et al. 2015) ranks by |w|; movement pruning as
in the ACN authors' code (bert/pre_b/glue/main.py; Sanh et al. 2020) by |w · gradient| of the last batch of an epoch.
Weights that are zero already stay so, and a share is of the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from acn_bench.backbones.backbone import Backbone

Scores = dict[tuple[nn.Module, str], Tensor]


@dataclass(frozen=True)
class Remaining:
    """How many of the weights that pruning may take are left."""

    left: int
    total: int


def linears(backbone: Backbone) -> list[nn.Linear]:
    """The Linears of all blocks; embeddings, norms, pooler and head are never pruned."""
    return [module for module in backbone.blocks.modules() if isinstance(module, nn.Linear)]


def remaining(layers: Sequence[nn.Linear]) -> Remaining:
    """Count the weights that are not zero; biases are no part of it."""
    weights = [layer.weight for layer in layers]
    return Remaining(sum(int(w.count_nonzero()) for w in weights), sum(w.numel() for w in weights))


def by_magnitude(layers: Sequence[nn.Linear], share: float) -> None:
    """Set that share of the weights that are left to zero: the smallest."""
    _prune(layers, {(layer, "weight"): layer.weight.detach().abs() for layer in layers}, share)


def by_movement(layers: Sequence[nn.Linear], share: float) -> None:
    """The same by |w · gradient|, with the gradients that the last backward pass left in `weight.grad`."""
    scores: Scores = {}
    for layer in layers:
        assert layer.weight.grad is not None, "no backward pass was made"
        scores[layer, "weight"] = (layer.weight.detach() * layer.weight.grad).abs()
    _prune(layers, scores, share)


def _prune(layers: Sequence[nn.Linear], scores: Scores, share: float) -> None:
    """Prune, and make it permanent: a parameter keeps its name, and the network can be copied, cut and saved.

    The gradients stay: `prune` moves them to a parameter of another name and back.
    """
    for layer in layers:  # so that zeros count as pruned
        prune.custom_from_mask(layer, "weight", layer.weight != 0)
    with torch.no_grad():
        prune.global_unstructured(
            [(layer, "weight") for layer in layers],
            pruning_method=prune.L1Unstructured,
            importance_scores=scores,
            amount=share,
        )
    for layer in layers:
        prune.remove(layer, "weight")


class KeptZeros:
    """Keeps the weights that are pruned at zero through the steps of an optimizer, gradients and moments included.

    What is pruned is what is zero when `renew` is called: after each pruning, and after a checkpoint was loaded.
    Until the first call nothing is kept.
    """

    def __init__(self, layers: Sequence[nn.Linear], optimizer: torch.optim.Optimizer) -> None:
        self.weights = [layer.weight for layer in layers]
        self.masks: list[Tensor] = []  # of each weight; empty: nothing is kept
        self.optimizer = optimizer
        optimizer.register_step_pre_hook(self._before)
        optimizer.register_step_post_hook(self._after)

    def renew(self) -> None:
        """Keep what is zero now."""
        self.masks = [weight.detach() != 0 for weight in self.weights]

    def _before(self, *_: Any) -> None:
        for weight, mask in zip(self.weights, self.masks, strict=False):
            if weight.grad is not None:
                weight.grad.mul_(mask)

    @torch.no_grad()
    def _after(self, *_: Any) -> None:
        for weight, mask in zip(self.weights, self.masks, strict=False):
            weight.mul_(mask)
            for moment in self.optimizer.state.get(weight, {}).values():
                if isinstance(moment, Tensor) and moment.shape == weight.shape:
                    moment.mul_(mask)
