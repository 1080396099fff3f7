"""Learning without Forgetting: Avalanche's plug-in with one forward pass, and its state for checkpoints."""

import copy
from collections import defaultdict
from typing import Any

from avalanche.training.plugins import LwFPlugin

from acn_bench.strategies.row_models import CachedFeatures, MultiHeadRowModel
from acn_bench.strategies.state import set_tasks, set_weights, tasks, weights
from acn_bench.strategies.stream import Examples
from acn_bench.training.resume import State


class LearningWithoutForgetting(LwFPlugin):  # type: ignore[misc]  # Avalanche is untyped
    """Li & Hoiem 2016: the model before the experience is the teacher.

    In task-incremental runs (multi-head), Avalanche passes each batch through the network a second time for
    the logits of earlier heads; here these heads use the cached features of the first pass.
    """

    resumes_within_experience = True
    adds_loss = True

    def before_forward(self, strategy: Any, **kwargs: Any) -> None:
        if isinstance(strategy.model, MultiHeadRowModel):
            strategy.model.cache = CachedFeatures()

    def before_backward(self, strategy: Any, **kwargs: Any) -> None:
        super().before_backward(strategy, **kwargs)
        if isinstance(strategy.model, MultiHeadRowModel):
            strategy.model.cache = None

    def set_strength(self, strength: float) -> None:
        self.lwf.alpha = strength

    def state(self) -> State:
        teacher = self.lwf.prev_model
        return {
            "experiences": self.lwf.expcount,
            "classes": {str(t): sorted(c) for t, c in self.lwf.prev_classes_by_task.items()},
            # the teacher stays in training mode, so its batch statistics change
            "teacher": None if teacher is None else weights(teacher),
            "tasks": [] if teacher is None else tasks(teacher),
        }

    def restore(self, state: State, learner: Any, examples: Examples) -> None:
        self.lwf.expcount = state["experiences"]
        classes = {int(task): set(labels) for task, labels in state["classes"].items()}
        self.lwf.prev_classes_by_task = defaultdict(set, classes)
        self.lwf.prev_model = None
        if state["teacher"] is not None:
            self.lwf.prev_model = copy.deepcopy(learner.model)
            set_weights(self.lwf.prev_model, state["teacher"])
            set_tasks(self.lwf.prev_model, state["tasks"])
