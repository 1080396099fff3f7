"""Synaptic Intelligence: a quadratic penalty weighted by each weight's part in earlier drops of the loss."""

from math import inf
from typing import Any, ClassVar, Literal

import msgspec

from acn_bench.spec import NotNegative, Positive, Strategy


class SiSpec(Strategy, frozen=True, kw_only=True, tag="si"):
    """Synaptic Intelligence (Zenke et al. 2017), with Avalanche's formulas."""

    cost_factor: ClassVar[float] = 1.15  # the penalty
    selectable: ClassVar[str | None] = "strength"

    strength: NotNegative = 1.0  # λ, the weight of the penalty
    damping: Positive = 1e-3  # ε, added to the squared change of each weight
    importance_max: Positive | None = 1e-3  # upper limit of each importance; null or inf: no limit
    # the gradient of the path integral: of the loss with the penalty in it, as in Avalanche, or of the "loss" alone,
    # as in equation 3 of Zenke et al.
    path: Literal["penalised", "loss"] = "penalised"

    def __post_init__(self) -> None:
        """No limit has one form, null: TOML writes it as inf, and JSON has no inf."""
        if self.importance_max == inf:
            msgspec.structs.force_setattr(self, "importance_max", None)

    def learner(self, heads: list[str], settings: dict[str, Any]) -> Any:
        from acn_bench.strategies.learner import with_plugin
        from acn_bench.strategies.plugins.si import SynapticIntelligence

        plugin = SynapticIntelligence(
            self.strength, self.damping, self.importance_max, heads, path=self.path
        )
        return with_plugin(plugin, settings, plugin)
