"""Memory Aware Synapses: Avalanche's plug-in, without the heads of single experiences.

A penalty would give them a zero gradient in place of none, and the optimizer's decay and momentum
would move them, as in `si`.
"""

from collections.abc import Sequence
from fnmatch import fnmatch
from typing import Any

from avalanche.training.plugins import MASPlugin


class MemoryAwareSynapses(MASPlugin):  # type: ignore[misc]
    """Aljundi et al. 2018: λ Σ_w Ω (θ - θ*)², Ω the mean gradient of the squared norm of the output."""

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

    def _excluded(self, name: str) -> bool:
        return any(fnmatch(name, pattern) for pattern in self.excluded_parameters)
