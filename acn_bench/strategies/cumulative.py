"""Cumulative training: each experience is trained on together with all earlier ones."""

from typing import TYPE_CHECKING, Any, ClassVar

from acn_bench.spec import Strategy
from acn_bench.strategies import compatibility

if TYPE_CHECKING:
    from acn_bench.benchmarks.continual.spec import ContinualSpec


class CumulativeSpec(Strategy, frozen=True, kw_only=True, tag="cumulative"):
    """Training on each experience together with all earlier ones; no hyper-parameters."""

    rank: ClassVar[int] = 1

    def refusal(self, protocol: "ContinualSpec") -> str | None:
        return compatibility.batch_below_experiences(protocol)

    def passes(self, protocol: "ContinualSpec", rows: float) -> float:
        return (protocol.experiences + 1) / 2

    def learner(self, heads: list[str], settings: dict[str, Any]) -> Any:
        from avalanche.training.supervised import Cumulative

        from acn_bench.strategies.plugins.cumulative import CumulativeState
        from acn_bench.strategies.state import with_state

        return with_state(Cumulative(**settings), CumulativeState())
