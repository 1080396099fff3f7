"""A-GEM: gradients that conflict with the mean gradient of a memory are projected."""

from typing import TYPE_CHECKING, Any

from acn_bench.spec import Count, Strategy
from acn_bench.strategies import compatibility
from acn_bench.strategies.replay_cost import replay_passes

if TYPE_CHECKING:
    from acn_bench.benchmarks.continual.spec import ContinualSpec


class AgemSpec(Strategy, frozen=True, kw_only=True, tag="agem"):
    """Averaged Gradient Episodic Memory (Chaudhry et al. 2019)."""

    memory_per_experience: Count = 250  # examples
    sample_size: Count = (
        256  # examples drawn from the memory at each step, for the reference gradient
    )

    def refusal(self, protocol: "ContinualSpec") -> str | None:
        return compatibility.sample_below_experiences(protocol, self.sample_size)

    def passes(self, protocol: "ContinualSpec", rows: float) -> float:
        return 1 + replay_passes(protocol, self.sample_size)

    def learner(self, heads: list[str], settings: dict[str, Any]) -> Any:
        from acn_bench.strategies.learner import with_plugin
        from acn_bench.strategies.plugins.gem import AveragedGradientEpisodicMemory

        plugin = AveragedGradientEpisodicMemory(self.memory_per_experience, self.sample_size)
        return with_plugin(plugin, settings, plugin)
