"""GDumb: Avalanche's plug-in with a model and optimizer that are reset in place, and a memory by task and class.

Avalanche replaces the model by a copy: other references to the model become stale, and Adam's moments of the
previous experience would be applied to the new weights.
"""

import copy
from typing import Any

from avalanche.training.plugins import GDumbPlugin
from torch import Tensor

from acn_bench.strategies.memory import ClassMemory
from acn_bench.strategies.stream import Examples
from acn_bench.training.resume import State


class GDumb(GDumbPlugin):  # type: ignore[misc]
    """Prabhu et al. 2020: at each experience, training from scratch on a class-balanced memory."""

    resumes_within_experience = False

    def __init__(self, memory: int) -> None:
        super().__init__(memory)
        self.storage_policy = ClassMemory(memory)
        self.initial: dict[str, Tensor] | None = None  # weights before training

    def before_train_dataset_adaptation(self, strategy: Any, **kwargs: Any) -> None:
        if self.initial is None:
            self.initial = copy.deepcopy(strategy.model.state_dict())
        strategy.model.load_state_dict(self.initial)
        strategy.optimizer.state.clear()

    def before_eval_dataset_adaptation(self, strategy: Any, **kwargs: Any) -> None:
        pass  # Avalanche would adapt its copy here; there is none

    def stored_rows(self) -> Tensor:
        return self.storage_policy.stored_rows()

    def state(self) -> State:
        return {"memory": self.storage_policy.state(), "initial": self.initial}

    def restore(self, state: State, learner: Any, examples: Examples) -> None:
        self.storage_policy.restore(state["memory"], learner, examples)
        self.initial = state["initial"]
