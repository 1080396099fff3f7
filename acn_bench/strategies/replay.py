"""Experience replay: examples of a memory are added to each batch."""

from typing import TYPE_CHECKING, Any

from acn_bench.spec import Count, Strategy
from acn_bench.strategies.replay_cost import replay_passes

if TYPE_CHECKING:
    from acn_bench.benchmarks.continual.spec import ContinualSpec


class ReplaySpec(Strategy, frozen=True, kw_only=True, tag="replay"):
    """Experience replay (Rolnick et al. 2019) from a memory with an equal share for each experience."""

    memory: Count = 500  # examples in total
    memory_batch_size: Count = 64  # replayed examples added to each batch

    def passes(self, protocol: "ContinualSpec", rows: float) -> float:
        return 1 + replay_passes(protocol, self.memory_batch_size)

    def learner(self, heads: list[str], settings: dict[str, Any]) -> Any:
        from avalanche.training.plugins import ReplayPlugin

        from acn_bench.strategies.learner import with_plugin
        from acn_bench.strategies.memory import ExperienceMemory

        memory = ExperienceMemory(self.memory)
        batch = self.memory_batch_size
        plugin = ReplayPlugin(self.memory, batch_size_mem=batch, storage_policy=memory)
        return with_plugin(plugin, settings, memory)
