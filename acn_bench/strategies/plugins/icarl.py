"""iCaRL's exemplars, class means and teacher, which Avalanche stores in two plug-ins and a classifier."""

import copy
from typing import Any

from avalanche.training.losses import ICaRLLossPlugin
from torch import Tensor

from acn_bench.strategies.state import copies
from acn_bench.strategies.stream import Examples
from acn_bench.training.resume import State


class ExemplarState:
    """iCaRL's state between two experiences, when its teacher equals the current network."""

    resumes_within_experience = False

    def __init__(self, learner: Any) -> None:
        # Avalanche's plug-in has no public name
        (self.memory,) = (p for p in learner.plugins if hasattr(p, "construct_exemplar_set"))
        (self.loss,) = (p for p in learner.plugins if isinstance(p, ICaRLLossPlugin))

    def state(self) -> State:
        memory = self.memory
        return {
            "rows": memory.x_memory,
            "labels": [[int(y) for y in labels] for labels in memory.y_memory],
            "order": memory.order,
            "observed": [int(c) for c in memory.observed_classes],
            "means": [memory.class_means[c] for c in range(len(memory.class_means))],
            "sizes": [memory.embedding_size, memory.output_size],
            "distilled": [int(c) for c in self.loss.old_classes],
        }

    def restore(self, state: State, learner: Any, examples: Examples) -> None:
        memory = self.memory
        memory.x_memory = copies(state["rows"], learner.device)
        memory.y_memory = state["labels"]
        memory.order = state["order"]
        memory.observed_classes = state["observed"]
        memory.class_means = dict(enumerate(copies(state["means"], learner.device)))
        memory.embedding_size, memory.output_size = state["sizes"]
        memory.input_size = Tensor().shape[1:]  # of a row number
        learner.model.eval_classifier.replace_class_means_dict(memory.class_means)
        self.loss.old_classes = state["distilled"]
        self.loss.old_model = copy.deepcopy(learner.model)
