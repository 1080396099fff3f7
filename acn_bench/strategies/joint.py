"""Joint training: all experiences at once."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from acn_bench.spec import Strategy
from acn_bench.strategies import compatibility

if TYPE_CHECKING:
    from acn_bench.benchmarks.continual.spec import ContinualSpec


class JointSpec(Strategy, frozen=True, kw_only=True, tag="joint"):
    """Training on all experiences at once, the upper bound; no hyper-parameters."""

    bound: ClassVar[Literal["lower", "upper"] | None] = "upper"
    rank: ClassVar[int] = 2
    at_once: ClassVar[bool] = True

    def refusal(self, protocol: "ContinualSpec") -> str | None:
        return compatibility.batch_below_experiences(protocol)

    def learner(self, heads: list[str], settings: dict[str, Any]) -> Any:
        from avalanche.training.supervised import JointTraining

        from acn_bench.strategies.state import Stateless, with_state

        return with_state(JointTraining(**settings), Stateless())
