"""Averaged Gradient Episodic Memory."""

from typing import TYPE_CHECKING, Any

from acn_bench.spec import Count, Strategy
from acn_bench.strategies.replayed import beside

if TYPE_CHECKING:
    from acn_bench.benchmarks.continual.spec import ContinualSpec


class AgemSpec(Strategy, frozen=True, kw_only=True, tag="agem"):
    """Averaged GEM (Chaudhry et al. 2019)."""

    memory_per_experience: Count = 250  # examples
    sample_size: Count = 256  # examples of the memory that give the reference gradient

    def refusal(self, protocol: "ContinualSpec") -> str | None:
        from acn_bench.benchmarks.continual import compatibility

        return compatibility.sample_below_experiences(protocol, self.sample_size)

    def passes(self, protocol: "ContinualSpec", rows: float) -> float:
        return 1 + beside(protocol, self.sample_size)

    def learner(self, heads: list[str], settings: dict[str, Any]) -> Any:
        from acn_bench.strategies.learner import with_plugin
        from acn_bench.strategies.plugins.gem import AveragedGradientEpisodicMemory

        plugin = AveragedGradientEpisodicMemory(self.memory_per_experience, self.sample_size)
        return with_plugin(plugin, settings, plugin)
