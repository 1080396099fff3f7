"""GDumb: greedy sampling of a balanced memory, and training from scratch on it."""

from typing import TYPE_CHECKING, Any, ClassVar

from acn_bench.spec import Count, Strategy
from acn_bench.strategies import compatibility

if TYPE_CHECKING:
    from acn_bench.benchmarks.continual.spec import ContinualSpec


class GdumbSpec(Strategy, frozen=True, kw_only=True, tag="gdumb"):
    """GDumb (Prabhu et al. 2020): after each experience, training from scratch on a class-balanced memory."""

    restarts: ClassVar[bool] = True

    memory: Count = 500  # examples in total

    def refusal(self, protocol: "ContinualSpec") -> str | None:
        return compatibility.memory_below_classes(
            protocol, self.memory
        ) or compatibility.batch_below_experiences(protocol)

    def passes(self, protocol: "ContinualSpec", rows: float) -> float:
        return min(1.0, self.memory * protocol.experiences / rows)

    def learner(self, heads: list[str], settings: dict[str, Any]) -> Any:
        from acn_bench.strategies.learner import with_plugin
        from acn_bench.strategies.plugins.gdumb import GDumb

        plugin = GDumb(self.memory)
        return with_plugin(plugin, settings, plugin)
