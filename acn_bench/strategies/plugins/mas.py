"""Memory Aware Synapses: Avalanche's plug-in, without a penalty on heads of single experiences (multi-head).

A penalty would give these heads a zero gradient in place of no gradient, and the optimizer's weight decay and
momentum would change them, as in `si`.
"""

from collections.abc import Sequence
from fnmatch import fnmatch
from typing import Any

import torch
from avalanche.training.plugins import MASPlugin
from avalanche.training.utils import ParamData
from torch import Tensor

from acn_bench.strategies.stream import Examples
from acn_bench.training.resume import State


class MemoryAwareSynapses(MASPlugin):  # type: ignore[misc]
    """Aljundi et al. 2018: λ Σ_w Ω (θ - θ*)², Ω the mean gradient of the squared norm of the output."""

    resumes_within_experience = True
    adds_loss = True

    def __init__(
        self, strength: float, decay: float, excluded_parameters: Sequence[str] = ()
    ) -> None:
        super().__init__(lambda_reg=strength, alpha=decay)
        self.excluded_parameters = tuple(excluded_parameters)

    def after_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        super().after_training_exp(strategy, **kwargs)
        strategy.optimizer.zero_grad()
        for name in [n for n in self.importance if self._excluded(n)]:
            del self.importance[name]

    def set_strength(self, strength: float) -> None:
        self._lambda = strength

    def weight_importances(self) -> list[Tensor]:
        return [importance.data for importance in (self.importance or {}).values()]

    def state(self) -> State:
        return {"importance": _tensors(self.importance), "anchor": _tensors(self.params)}

    def restore(self, state: State, learner: Any, examples: Examples) -> None:
        self.importance = _parameters(state["importance"], learner.device)
        self.params = _parameters(state["anchor"], learner.device)

    def _excluded(self, name: str) -> bool:
        return any(fnmatch(name, pattern) for pattern in self.excluded_parameters)


def _tensors(values: dict[str, ParamData] | None) -> dict[str, Tensor] | None:
    return None if values is None else {name: value.data for name, value in values.items()}


def _parameters(tensors: dict[str, Tensor] | None, device: torch.device) -> Any:
    """Tensors by name -> Avalanche's `ParamData` by name."""
    if tensors is None:
        return None
    return {
        name: ParamData(name, device=device, init_tensor=tensor.to(device, copy=True))
        for name, tensor in tensors.items()
    }
