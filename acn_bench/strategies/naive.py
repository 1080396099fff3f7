"""Naive training: fine-tuning on each experience in turn."""

from typing import Any, ClassVar, Literal

from acn_bench.spec import Strategy


class NaiveSpec(Strategy, frozen=True, kw_only=True, tag="naive"):
    """Fine-tuning on each experience in turn, the lower bound; no hyper-parameters."""

    bound: ClassVar[Literal["lower", "upper"] | None] = "lower"
    rank: ClassVar[int] = -1

    def learner(self, heads: list[str], settings: dict[str, Any]) -> Any:
        from avalanche.training.supervised import Naive

        from acn_bench.strategies.state import Stateless, with_state

        return with_state(Naive(**settings), Stateless())
