"""Memory Aware Synapses: a quadratic penalty weighted by the sensitivity of the output."""

from typing import TYPE_CHECKING, Any, ClassVar

from acn_bench.spec import NotNegative, Share, Strategy

if TYPE_CHECKING:
    from acn_bench.benchmarks.continual.spec import ContinualSpec


class MasSpec(Strategy, frozen=True, kw_only=True, tag="mas"):
    """Memory Aware Synapses (Aljundi et al. 2018)."""

    cost_factor: ClassVar[float] = 1.15  # the penalty
    selectable: ClassVar[str | None] = "strength"

    strength: NotNegative = 1.0  # λ, the weight of the penalty
    decay: Share = 0.5  # weight of the earlier importance in the average with the new one

    def passes(self, protocol: "ContinualSpec", rows: float) -> float:
        return 1 + self.after_each(protocol)

    def after_each(self, protocol: "ContinualSpec") -> float:
        return 1 / protocol.epochs  # the importances, once per experience

    def learner(self, heads: list[str], settings: dict[str, Any]) -> Any:
        from acn_bench.strategies.learner import with_plugin
        from acn_bench.strategies.plugins.mas import MemoryAwareSynapses

        plugin = MemoryAwareSynapses(self.strength, self.decay, heads)
        return with_plugin(plugin, settings, plugin)
