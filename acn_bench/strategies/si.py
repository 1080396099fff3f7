"""Synaptic Intelligence: a quadratic penalty weighted by each weight's part in earlier drops of the loss."""

from typing import Any, ClassVar

from acn_bench.spec import NotNegative, Positive, Strategy


class SiSpec(Strategy, frozen=True, kw_only=True, tag="si"):
    """Synaptic Intelligence (Zenke et al. 2017), with Avalanche's formulas."""

    cost_factor: ClassVar[float] = 1.15  # the penalty

    strength: NotNegative = 1.0  # λ, the weight of the penalty
    damping: Positive = 1e-3  # ε, added to the squared change of each weight
    importance_max: Positive | None = 1e-3  # upper limit of each importance; null: no limit

    def learner(self, heads: list[str], settings: dict[str, Any]) -> Any:
        from acn_bench.strategies.learner import with_plugin
        from acn_bench.strategies.plugins.si import SynapticIntelligence

        plugin = SynapticIntelligence(self.strength, self.damping, self.importance_max, heads)
        return with_plugin(plugin, settings, plugin)
