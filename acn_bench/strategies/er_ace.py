"""ER-ACE: experience replay with asymmetric cross-entropy."""

from typing import TYPE_CHECKING, Any

from acn_bench.spec import Count, Strategy
from acn_bench.strategies import compatibility
from acn_bench.strategies.replay_cost import replay_passes

if TYPE_CHECKING:
    from acn_bench.benchmarks.continual.spec import ContinualSpec


class ErAceSpec(Strategy, frozen=True, kw_only=True, tag="er_ace"):
    """ER-ACE (Caccia et al. 2022): the loss of new examples is over the new classes only."""

    memory: Count = 500  # examples in total
    memory_batch_size: Count = 64  # replayed examples added to each batch

    def refusal(self, protocol: "ContinualSpec") -> str | None:
        if protocol.heads == "each":
            return (
                "with a head for each experience, classes of different experiences never compete, so the mask of "
                "ER-ACE changes nothing: it would be replay under another name"
            )
        return compatibility.own_loss(protocol) or compatibility.memory_below_batch(
            protocol, self.memory, self.memory_batch_size
        )

    def passes(self, protocol: "ContinualSpec", rows: float) -> float:
        return 1 + replay_passes(protocol, self.memory_batch_size)

    def learner(self, heads: list[str], settings: dict[str, Any]) -> Any:
        from avalanche.training.supervised import ER_ACE

        from acn_bench.strategies.memory import ClassMemory
        from acn_bench.strategies.state import with_state

        made = ER_ACE(mem_size=self.memory, batch_size_mem=self.memory_batch_size, **settings)
        made.storage_policy = ClassMemory(self.memory)
        return with_state(made, made.storage_policy)
