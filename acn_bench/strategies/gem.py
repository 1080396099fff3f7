"""GEM: gradients are projected so that the loss on no earlier memory increases."""

from typing import TYPE_CHECKING, Any

from acn_bench.spec import Count, NotNegative, Strategy
from acn_bench.strategies import compatibility
from acn_bench.strategies.replay_cost import replay_passes

if TYPE_CHECKING:
    from acn_bench.benchmarks.continual.spec import ContinualSpec


class GemSpec(Strategy, frozen=True, kw_only=True, tag="gem"):
    """Gradient Episodic Memory (Lopez-Paz & Ranzato 2017)."""

    memory_per_experience: Count = 256  # examples
    margin: NotNegative = 0.5  # γ, lower limit of the dual variables of the projection

    def refusal(self, protocol: "ContinualSpec") -> str | None:
        return compatibility.no_solver()

    def passes(self, protocol: "ContinualSpec", rows: float) -> float:
        return 1 + replay_passes(protocol, self.memory_per_experience * protocol.experiences / 2)

    def learner(self, heads: list[str], settings: dict[str, Any]) -> Any:
        from acn_bench.strategies.learner import with_plugin
        from acn_bench.strategies.plugins.gem import GradientEpisodicMemory

        plugin = GradientEpisodicMemory(self.memory_per_experience, self.margin)
        return with_plugin(plugin, settings, plugin)
