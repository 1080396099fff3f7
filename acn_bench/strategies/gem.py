"""Gradient Episodic Memory."""

from typing import TYPE_CHECKING, Any

from acn_bench.spec import Count, NotNegative, Strategy
from acn_bench.strategies.replayed import beside

if TYPE_CHECKING:
    from acn_bench.benchmarks.continual.spec import ContinualSpec


class GemSpec(Strategy, frozen=True, kw_only=True, tag="gem"):
    """Gradient Episodic Memory (Lopez-Paz & Ranzato 2017)."""

    memory_per_experience: Count = 256  # examples
    margin: NotNegative = 0.5  # gamma

    def refusal(self, protocol: "ContinualSpec") -> str | None:
        from acn_bench.benchmarks.continual import compatibility

        return compatibility.no_solver()

    def passes(self, protocol: "ContinualSpec", rows: float) -> float:
        return 1 + beside(protocol, self.memory_per_experience * protocol.experiences / 2)

    def learner(self, heads: list[str], settings: dict[str, Any]) -> Any:
        from acn_bench.strategies.learner import with_plugin
        from acn_bench.strategies.plugins.gem import GradientEpisodicMemory

        plugin = GradientEpisodicMemory(self.memory_per_experience, self.margin)
        return with_plugin(plugin, settings, plugin)
