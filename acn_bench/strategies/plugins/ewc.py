"""Elastic Weight Consolidation with Avalanche's formulas, at constant cost and without multi-head heads.

Avalanche adds one penalty per earlier experience, so its cost grows with the stream; the sum of
quadratics Σ_e F_e (θ - θ_e)² is one quadratic again, which is stored here. The Fisher information has its
own batch size: Avalanche squares the gradient of a batch's mean loss, so the batch size scales the penalty.
Heads of single experiences have no penalty, as in `si`.
"""

from collections.abc import Sequence
from fnmatch import fnmatch
from typing import Any

import torch
from avalanche.training.plugins import EWCPlugin
from torch import Tensor, nn

from acn_bench.strategies.plugins.penalty import quadratic
from acn_bench.strategies.state import copies
from acn_bench.strategies.stream import Examples
from acn_bench.training.resume import State


class ElasticWeightConsolidation(EWCPlugin):  # type: ignore[misc]
    """Kirkpatrick et al. 2017: λ Σ_e Σ_w F_e (θ - θ_e)², as in Avalanche's `separate` mode."""

    resumes_within_experience = True
    adds_loss = True

    def __init__(
        self, strength: float, fisher_batch_size: int, excluded_parameters: Sequence[str] = ()
    ) -> None:
        super().__init__(ewc_lambda=strength, mode="separate")
        self.fisher_batch_size = fisher_batch_size
        self.excluded_parameters = tuple(excluded_parameters)
        self.params: list[Tensor] = []
        self.importance: list[Tensor] = []  # Σ_e F_e
        self.anchor: list[Tensor] = []  # the mean of the θ_e, weighted by F_e
        self.constant = 0.0  # the penalty at the anchor

    def before_backward(self, strategy: Any, **kwargs: Any) -> None:
        if not self.importance:
            return
        penalty = quadratic(self.params, self.anchor, self.importance)
        strategy.loss += self.ewc_lambda * (penalty + self.constant)

    def after_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        fisher = self.compute_importances(
            strategy.model,
            strategy._criterion,
            strategy.optimizer,
            strategy.experience.dataset,
            strategy.device,
            self.fisher_batch_size,
        )
        strategy.optimizer.zero_grad()
        self._add_quadratic([fisher[n].data for n in self._select_parameters(strategy.model)])

    def set_strength(self, strength: float) -> None:
        self.ewc_lambda = strength

    def weight_importances(self) -> list[Tensor]:
        return self.importance

    def state(self) -> State:
        return {"importance": self.importance, "anchor": self.anchor, "constant": self.constant}

    def restore(self, state: State, learner: Any, examples: Examples) -> None:
        self._select_parameters(learner.model)
        self.importance = copies(state["importance"], learner.device)
        self.anchor = copies(state["anchor"], learner.device)
        self.constant = state["constant"]

    def _select_parameters(self, model: nn.Module) -> list[str]:
        """Set the parameters that the penalty applies to; returns their names."""
        named = [(n, p) for n, p in model.named_parameters() if not self._excluded(n)]
        self.params = [p for _, p in named]
        return [n for n, _ in named]

    @torch.no_grad()
    def _add_quadratic(self, fisher: list[Tensor]) -> None:
        """A (θ - m)² + F (θ - θ_e)² = (A + F)(θ - m')² + A F / (A + F) (θ_e - m)²."""
        current = [p.clone() for p in self.params]
        if not self.importance:
            self.importance, self.anchor = [f.clone() for f in fisher], current
            return
        for total, anchor, new, theta in zip(
            self.importance, self.anchor, fisher, current, strict=True
        ):
            share = torch.where(new > 0, new / (total + new), 0)
            distance = theta - anchor
            self.constant += (total * share * distance.square()).sum().item()
            anchor += share * distance
            total += new

    def _excluded(self, name: str) -> bool:
        return any(fnmatch(name, pattern) for pattern in self.excluded_parameters)
