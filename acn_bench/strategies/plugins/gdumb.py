"""GDumb: Avalanche's plug-in, with the model reset in place, its optimizer with it, and every class told apart.

Avalanche puts a copy in the model's place, so that whoever holds the model holds an old one; and
Adam's moments of the last experience would outlive the weights that they belong to.
"""

import copy
from typing import Any

from avalanche.training.plugins import GDumbPlugin
from torch import Tensor

from acn_bench.strategies.memory import ClassMemory
from acn_bench.strategies.stream import Examples
from acn_bench.training.resume import State


class GDumb(GDumbPlugin):  # type: ignore[misc]
    """Prabhu et al. 2020: from scratch on a balanced memory, at each experience."""

    inside = False

    def __init__(self, memory: int) -> None:
        super().__init__(memory)
        self.storage_policy = ClassMemory(memory)
        self.initial: dict[str, Tensor] | None = None  # weights

    def before_train_dataset_adaptation(self, strategy: Any, **kwargs: Any) -> None:
        if self.initial is None:
            self.initial = copy.deepcopy(strategy.model.state_dict())
        strategy.model.load_state_dict(self.initial)
        strategy.optimizer.state.clear()

    def before_eval_dataset_adaptation(self, strategy: Any, **kwargs: Any) -> None:
        pass  # no copy to adapt

    def state(self) -> State:
        return {"memory": self.storage_policy.state(), "initial": self.initial}

    def restore(self, state: State, learner: Any, examples: Examples) -> None:
        self.storage_policy.restore(state["memory"], learner, examples)
        self.initial = state["initial"]
