"""Elastic Weight Consolidation: a quadratic penalty weighted by the Fisher information."""

from typing import TYPE_CHECKING, Any, ClassVar

from acn_bench.spec import Count, NotNegative, Strategy

if TYPE_CHECKING:
    from acn_bench.benchmarks.continual.spec import ContinualSpec


class EwcSpec(Strategy, frozen=True, kw_only=True, tag="ewc"):
    """Elastic Weight Consolidation (Kirkpatrick et al. 2017), with Avalanche's formulas."""

    cost_factor: ClassVar[float] = 1.15  # the penalty
    selectable: ClassVar[str | None] = "strength"

    strength: NotNegative = 1.0  # λ, the weight of the penalty
    fisher_batch_size: Count = (
        64  # examples; the Fisher squares the gradient of a batch's mean loss
    )

    def passes(self, protocol: "ContinualSpec", rows: float) -> float:
        return 1 + self.after_each(protocol)

    def after_each(self, protocol: "ContinualSpec") -> float:
        return 1 / protocol.epochs  # the importances, once per experience

    def learner(self, heads: list[str], settings: dict[str, Any]) -> Any:
        from acn_bench.strategies.learner import with_plugin
        from acn_bench.strategies.plugins.ewc import ElasticWeightConsolidation

        plugin = ElasticWeightConsolidation(self.strength, self.fisher_batch_size, heads)
        return with_plugin(plugin, settings, plugin)
