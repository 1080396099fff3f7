"""Experience replay."""

from typing import TYPE_CHECKING, Any

from acn_bench.spec import Count, Strategy
from acn_bench.strategies.replayed import beside

if TYPE_CHECKING:
    from acn_bench.benchmarks.continual.spec import ContinualSpec


class ReplaySpec(Strategy, frozen=True, kw_only=True, tag="replay"):
    """Experience replay from a memory balanced over experiences."""

    memory: Count = 500  # examples in all
    memory_batch_size: Count = 64  # examples of the memory beside each batch

    def passes(self, protocol: "ContinualSpec", rows: float) -> float:
        return 1 + beside(protocol, self.memory_batch_size)

    def learner(self, heads: list[str], settings: dict[str, Any]) -> Any:
        from avalanche.training.plugins import ReplayPlugin

        from acn_bench.strategies.learner import with_plugin
        from acn_bench.strategies.memory import ExperienceMemory

        memory = ExperienceMemory(self.memory)
        batch = self.memory_batch_size
        plugin = ReplayPlugin(self.memory, batch_size_mem=batch, storage_policy=memory)
        return with_plugin(plugin, settings, memory)
