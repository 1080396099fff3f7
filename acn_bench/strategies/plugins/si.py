"""Synaptic Intelligence that works on the CPU: Avalanche's plug-in with copies of the weights.

Avalanche 0.6 stores views of the weights where it needs copies: on the CPU every step Δθ is 0, every importance
is 0, and SI equals naive. Its static methods call each other by class name, so a subclass can only replace the
callbacks. Heads of single experiences have no penalty: it would give them a zero gradient in place of no
gradient, and the optimizer's weight decay and momentum would change them.
"""

from collections.abc import Sequence
from math import inf
from typing import Any, Literal

import torch
from avalanche.training.plugins import SynapticIntelligencePlugin
from torch import Tensor, nn

from acn_bench.strategies.plugins.penalty import differences, quadratic
from acn_bench.strategies.state import copies
from acn_bench.strategies.stream import Examples
from acn_bench.training.resume import State


class SynapticIntelligence(SynapticIntelligencePlugin):  # type: ignore[misc]
    """Zenke et al. 2017, with Avalanche's formulas: Ω = Σ_tasks Σ_steps -g·Δθ / (Δθ_task² + ε), clipped."""

    resumes_within_experience = True
    adds_loss = True

    def __init__(
        self,
        strength: float,
        damping: float,
        importance_max: float | None,
        excluded_parameters: Sequence[str] = (),
        *,
        path: Literal["penalised", "loss"] = "penalised",
    ) -> None:
        super().__init__(strength, damping, excluded_parameters)
        self.loss_alone = path == "loss"  # the path integral is of the loss without the penalty
        self.importance_max = inf if importance_max is None else importance_max
        self.params: list[Tensor] = []
        self.anchor: list[Tensor] = []  # θ* at the end of the last experience
        self.importance: list[Tensor] = []  # Ω, clipped
        self._unclipped: list[Tensor] = []
        self._path: list[Tensor] = []  # Σ_steps g·Δθ of this experience
        self._before: list[Tensor] = []
        # per experience: the share of the weights whose importance is at the limit
        self.share_at_limit: list[float] | None = None if importance_max is None else []

    def before_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        self._select_parameters(strategy.model)
        if not self._unclipped:
            self._unclipped = [torch.zeros_like(p) for p in self.params]
            self.importance = [torch.zeros_like(p) for p in self.params]
        self.anchor, self._before = self._copies(), self._copies()
        self._path = [torch.zeros_like(p) for p in self.params]

    @torch.no_grad()
    def before_training_iteration(self, strategy: Any, **kwargs: Any) -> None:
        torch._foreach_copy_(self._before, self.params)

    def before_backward(self, strategy: Any, **kwargs: Any) -> None:
        if strategy.clock.train_exp_counter == 0:
            return  # every importance is 0
        penalty = quadratic(self.params, self.anchor, self.importance)
        strategy.loss += self._strength(strategy) / 2 * penalty

    @torch.no_grad()
    def after_training_iteration(self, strategy: Any, **kwargs: Any) -> None:
        step = differences(self.params, self._before)
        # an unused weight has no gradient, and does not change
        gradients = [
            d if p.grad is None else p.grad for p, d in zip(self.params, step, strict=True)
        ]
        if self.loss_alone and strategy.clock.train_exp_counter:
            gradients = self._less_penalty(gradients, self._strength(strategy))
        torch._foreach_addcmul_(self._path, gradients, step)

    @torch.no_grad()
    def after_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        drift = differences(self.params, self.anchor)
        for unclipped, path, d in zip(self._unclipped, self._path, drift, strict=True):
            unclipped -= path / (d.square() + self.eps)
        self._clip()
        if self.share_at_limit is not None:
            self.share_at_limit.append(self._share())
        self.anchor = self._copies()

    def set_strength(self, strength: float) -> None:
        self.si_lambda = [strength]

    def weight_importances(self) -> list[Tensor]:
        return self.importance

    def state(self) -> State:
        return {
            "unclipped": self._unclipped,
            "anchor": self.anchor,
            "path": self._path,
            "share_at_limit": self.share_at_limit,
        }

    def restore(self, state: State, learner: Any, examples: Examples) -> None:
        self._select_parameters(learner.model)
        self._unclipped = copies(state["unclipped"], learner.device)
        self._clip()
        self.anchor = copies(state["anchor"], learner.device)
        self._path = copies(state["path"], learner.device)
        self.share_at_limit = state["share_at_limit"]

    def _clip(self) -> None:
        self.importance = [u.clamp(max=self.importance_max) for u in self._unclipped]

    def _share(self) -> float:
        """The share of the weights whose importance is at the limit: where all are, SI is an L2 penalty."""
        at_limit = sum(int((u >= self.importance_max).sum()) for u in self._unclipped)
        return at_limit / sum(u.numel() for u in self._unclipped)

    def _less_penalty(self, gradients: list[Tensor], strength: float) -> list[Tensor]:
        """The gradients of the loss alone: less λ Ω (θ - θ*), the penalty's, at the weights before the step."""
        pull = torch._foreach_mul(self.importance, differences(self._before, self.anchor))
        return list(torch._foreach_sub(gradients, list(pull), alpha=strength))

    def _select_parameters(self, model: nn.Module) -> None:
        self.params = [p for _, p in self.allowed_parameters(model, self.excluded_parameters)]

    def _strength(self, strategy: Any) -> float:
        values: Sequence[float] = self.si_lambda
        return values[min(int(strategy.clock.train_exp_counter), len(values) - 1)]

    @torch.no_grad()
    def _copies(self) -> list[Tensor]:
        return [p.clone() for p in self.params]
