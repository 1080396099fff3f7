"""Dark Experience Replay and DER++: replay with distillation of stored logits."""

from typing import TYPE_CHECKING, Any

from acn_bench.spec import Count, NotNegative, Strategy
from acn_bench.strategies import compatibility
from acn_bench.strategies.replay_cost import replay_passes

if TYPE_CHECKING:
    from acn_bench.benchmarks.continual.spec import ContinualSpec


class DerSpec(Strategy, frozen=True, kw_only=True, tag="der"):
    """Dark Experience Replay (Buzzega et al. 2020); DER++ with beta > 0."""

    memory: Count = 500  # examples in total
    memory_batch_size: Count = 64  # replayed examples added to each batch
    alpha: NotNegative = 0.3  # weight of the squared distance to the stored logits
    beta: NotNegative = 0.0  # weight of the cross-entropy on replayed examples

    def refusal(self, protocol: "ContinualSpec") -> str | None:
        return compatibility.own_loss(protocol) or compatibility.memory_below_batch(
            protocol, self.memory, self.memory_batch_size
        )

    def passes(self, protocol: "ContinualSpec", rows: float) -> float:
        return 1 + replay_passes(protocol, self.memory_batch_size)

    def learner(self, heads: list[str], settings: dict[str, Any]) -> Any:
        from avalanche.training.supervised import DER

        from acn_bench.strategies.memory import ClassMemoryWithLogits
        from acn_bench.strategies.state import with_state

        made = DER(
            mem_size=self.memory,
            batch_size_mem=self.memory_batch_size,
            alpha=self.alpha,
            beta=self.beta,
            **settings,
        )
        made.storage_policy = ClassMemoryWithLogits(self.memory)  # Avalanche's ignores task labels
        return with_state(made, made.storage_policy)
