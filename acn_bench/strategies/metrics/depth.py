"""An evaluation in any Avalanche pipeline -> the utilised depth of the network."""

from math import nan
from typing import Any

import torch
from avalanche.evaluation import PluginMetric
from avalanche.evaluation.metric_results import MetricValue
from avalanche.models.utils import is_multi_task_module
from torch import Tensor

from acn_bench import metrics
from acn_bench.backbones import depth_logits
from acn_bench.strategies.metrics.values import of_experience, of_stream
from acn_bench.strategies.seeding import preserved_generators


class UtilisedDepth(PluginMetric):  # type: ignore[misc]  # Avalanche is untyped
    """The smallest depth whose accuracy is within `tolerance` (a share of accuracy) of the accuracy at full depth.

    Logs `UtilisedDepth_Exp`, and `UtilisedDepth_Stream` over all examples of the evaluation. Examples of
    classes that were not trained on are ignored, unless no class was. The value is nan if the accuracy at full
    depth is not above chance level by two standard errors. Chance level is 1 / number of classes trained on;
    in task-incremental runs (multi-head), of the task's classes.

    Costs one more forward pass, with the logits of every depth. The network is made by
    `acn_bench.backbones.build`, alone or within `as_multitask(model, "head")`, or its class has
    `forward_depths(x)`, with task labels `forward_depths(x, task_labels)`, -> (L+1, B, K).

    Raises ValueError for a tolerance below 0; in evaluation TypeError for a network without depths.
    """

    def __init__(self, tolerance: float = 0.01) -> None:
        super().__init__()
        metrics.utilised_depth([0.0], tolerance)  # raises ValueError
        self.tolerance = tolerance
        self._trained: dict[int, set[int]] = {}  # task -> its classes
        self._experience = _Curve()
        self._stream = _Curve()

    def result(self) -> float:
        """The value over all examples since the evaluation began."""
        return self._stream.depth(self.tolerance)

    def reset(self) -> None:
        """Clear the evaluated examples; the classes trained on stay."""
        self._experience, self._stream = _Curve(), _Curve()

    def after_train_dataset_adaptation(self, strategy: Any) -> None:
        data = strategy.adapted_dataset
        classes = list(getattr(data, "targets", ()))
        tasks = list(getattr(data, "targets_task_labels", [0] * len(classes)))
        for task, label in set(zip(tasks, classes, strict=True)):
            self._trained.setdefault(int(task), set()).add(int(label))

    def before_eval(self, strategy: Any) -> None:
        self.reset()

    def before_eval_exp(self, strategy: Any) -> None:
        self._experience = _Curve()

    def after_eval_iteration(self, strategy: Any) -> None:
        with preserved_generators():
            logits = _depths(strategy)
        correct = logits.argmax(dim=-1) == strategy.mb_y  # (L+1, B)
        chances = self._chances(strategy, logits.shape[-1])
        self._experience.add(correct, chances)
        self._stream.add(correct, chances)

    def after_eval_exp(self, strategy: Any) -> list[MetricValue]:
        depth = self._experience.depth(self.tolerance)
        return [of_experience(self, strategy, str(self), depth)]

    def after_eval(self, strategy: Any) -> list[MetricValue]:
        return [of_stream(self, strategy, str(self), self.result())]

    def __str__(self) -> str:
        return "UtilisedDepth"

    def _chances(self, strategy: Any, width: int) -> list[float]:
        """The chance level of each example; 0 if its class was not trained on."""
        labels = strategy.mb_y.tolist()
        if not self._trained:
            return [1 / width] * len(labels)
        tasks = strategy.mb_task_id.tolist() if _has_tasks(strategy) else [0] * len(labels)
        trained = [self._trained.get(task, set()) for task in tasks]
        return [1 / len(t) if y in t else 0.0 for y, t in zip(labels, trained, strict=True)]


class _Curve:
    """Counts correct predictions by depth."""

    def __init__(self) -> None:
        self._correct: Tensor | int = 0  # (L+1,)
        self._expected = 0.0  # correct predictions at chance level
        self._count = 0

    def add(self, correct: Tensor, chances: list[float]) -> None:
        """Add correct or not, (L+1, B), and the chance level of each example, (B,); chance 0 is not counted."""
        counted = torch.tensor(chances, device=correct.device) > 0
        self._correct = self._correct + correct[:, counted].sum(dim=1)
        self._expected += sum(chances)
        self._count += int(counted.sum())

    def depth(self, tolerance: float) -> float:
        """Utilised depth in blocks; nan without examples, or at chance level."""
        if not self._count:
            return nan
        assert isinstance(self._correct, Tensor)
        curve = (self._correct.double() / self._count).tolist()
        chance = self._expected / self._count
        if not metrics.above_chance(curve[-1], chance, self._count):
            return nan
        return metrics.utilised_depth(curve, tolerance)


def _depths(strategy: Any) -> Tensor:
    """The minibatch's logits at every depth, (L+1, B, K)."""
    model, x = strategy.model, strategy.mb_x
    multi_head = is_multi_task_module(model) and _has_tasks(strategy)
    # look at the class: as_multitask forwards attributes to the network, whose own forward_depths
    # has no head there
    if hasattr(type(model), "forward_depths"):
        logits: Tensor = model.forward_depths(x, *([strategy.mb_task_id] if multi_head else []))
        return logits
    if multi_head and hasattr(model, "feature_depths") and hasattr(model, "head"):
        return depth_logits(model, x, strategy.mb_task_id)
    raise TypeError(
        f"UtilisedDepth needs a network with depths, and {type(model).__name__} has none: make it with "
        'acn_bench.backbones.build, alone or under as_multitask(model, "head"), or give its class '
        "forward_depths(x) -> logits (L+1, B, K)"
    )


def _has_tasks(strategy: Any) -> bool:
    return hasattr(strategy.experience, "task_labels")
