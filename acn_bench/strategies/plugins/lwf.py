"""Learning without Forgetting: Avalanche's plug-in, and what it keeps."""

import copy
from collections import defaultdict
from typing import Any

from avalanche.training.plugins import LwFPlugin

from acn_bench.strategies.row_models import Kept, MultiHeadRowModel
from acn_bench.strategies.state import set_tasks, set_weights, tasks, weights
from acn_bench.strategies.stream import Examples
from acn_bench.training.resume import State


class LearningWithoutForgetting(LwFPlugin):  # type: ignore[misc]  # Avalanche is untyped
    """Li & Hoiem 2016: the model of before is the teacher.

    With a head each Avalanche passes a batch through the network again to ask the earlier heads; here they
    read the features of the pass that was made.
    """

    inside = True

    def before_forward(self, strategy: Any, **kwargs: Any) -> None:
        if isinstance(strategy.model, MultiHeadRowModel):
            strategy.model.kept = Kept()

    def before_backward(self, strategy: Any, **kwargs: Any) -> None:
        super().before_backward(strategy, **kwargs)
        if isinstance(strategy.model, MultiHeadRowModel):
            strategy.model.kept = None

    def state(self) -> State:
        teacher = self.lwf.prev_model
        return {
            "experiences": self.lwf.expcount,
            "classes": {str(t): sorted(c) for t, c in self.lwf.prev_classes_by_task.items()},
            # it stays in training mode, so that a network's batch statistics move on
            "teacher": None if teacher is None else weights(teacher),
            "tasks": [] if teacher is None else tasks(teacher),
        }

    def restore(self, state: State, learner: Any, examples: Examples) -> None:
        self.lwf.expcount = state["experiences"]
        classes = {int(task): set(known) for task, known in state["classes"].items()}
        self.lwf.prev_classes_by_task = defaultdict(set, classes)
        self.lwf.prev_model = None
        if state["teacher"] is not None:
            self.lwf.prev_model = copy.deepcopy(learner.model)
            set_weights(self.lwf.prev_model, state["teacher"])
            set_tasks(self.lwf.prev_model, state["tasks"])
