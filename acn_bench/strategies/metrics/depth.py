"""An evaluation in any Avalanche pipeline -> how many blocks the network uses."""

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
    """The smallest depth whose accuracy is within `tolerance` of that of all blocks.

    Logs `UtilisedDepth_Exp` and `UtilisedDepth_Stream`, the latter over the examples evaluated of all
    experiences. Examples of classes that were not trained on yet are left out, unless nothing was. A value
    is nan, rather than that of an earlier evaluation, where accuracy at full depth is not above chance by
    two standard errors; chance is 1 / classes trained on, with heads of their own those of the task.

    Costs one more forward pass, at every depth. The network is one that `acn_bench.backbones.build` made,
    alone or under `as_multitask(model, "head")`, or any other whose class has `forward_depths(x)`, with
    task labels `forward_depths(x, task_labels)`, -> (L+1, B, K).

    Raises ValueError for a tolerance below 0; in evaluation TypeError for a network that has no depths.
    """

    def __init__(self, tolerance: float = 0.01) -> None:
        super().__init__()
        metrics.utilised_depth([0.0], tolerance)  # refuses one that cannot be
        self.tolerance = tolerance
        self._trained: dict[int, set[int]] = {}  # task -> its classes
        self._experience = _Curve()
        self._stream = _Curve()

    def result(self) -> float:
        """Over what was evaluated since the evaluation began."""
        return self._stream.depth(self.tolerance)

    def reset(self) -> None:
        """Forget what was evaluated; what was trained on stays known."""
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
        right = logits.argmax(dim=-1) == strategy.mb_y  # (L+1, B)
        chances = self._chances(strategy, logits.shape[-1])
        self._experience.add(right, chances)
        self._stream.add(right, chances)

    def after_eval_exp(self, strategy: Any) -> list[MetricValue]:
        depth = self._experience.depth(self.tolerance)
        return [of_experience(self, strategy, str(self), depth)]

    def after_eval(self, strategy: Any) -> list[MetricValue]:
        return [of_stream(self, strategy, str(self), self.result())]

    def __str__(self) -> str:
        return "UtilisedDepth"

    def _chances(self, strategy: Any, width: int) -> list[float]:
        """For each example the accuracy of guessing; 0 where its class was not trained on."""
        labels = strategy.mb_y.tolist()
        if not self._trained:
            return [1 / width] * len(labels)
        tasks = strategy.mb_task_id.tolist() if _has_tasks(strategy) else [0] * len(labels)
        known = [self._trained.get(task, set()) for task in tasks]
        return [1 / len(k) if y in k else 0.0 for y, k in zip(labels, known, strict=True)]


class _Curve:
    """Right answers by depth, of examples that can be told from guesses."""

    def __init__(self) -> None:
        self._right: Tensor | int = 0  # (L+1,)
        self._guessed = 0.0  # right answers that guessing would give
        self._count = 0

    def add(self, right: Tensor, chances: list[float]) -> None:
        """Right or not, (L+1, B), and the chance of each to be guessed; those of chance 0 do not count."""
        counted = torch.tensor(chances, device=right.device) > 0
        self._right = self._right + right[:, counted].sum(dim=1)
        self._guessed += sum(chances)
        self._count += int(counted.sum())

    def depth(self, tolerance: float) -> float:
        """Utilised depth, a whole number; nan where there is nothing to tell."""
        if not self._count:
            return nan
        assert isinstance(self._right, Tensor)
        curve = (self._right.double() / self._count).tolist()
        chance = self._guessed / self._count
        if not metrics.above_chance(curve[-1], chance, self._count):
            return nan
        return metrics.utilised_depth(curve, tolerance)


def _depths(strategy: Any) -> Tensor:
    """The minibatch's logits at every depth, (L+1, B, K)."""
    model, x = strategy.model, strategy.mb_x
    tasked = is_multi_task_module(model) and _has_tasks(strategy)
    # its class, since as_multitask passes attributes through: there the network's own forward_depths
    # has lost its head
    if hasattr(type(model), "forward_depths"):
        logits: Tensor = model.forward_depths(x, *([strategy.mb_task_id] if tasked else []))
        return logits
    if tasked and hasattr(model, "feature_depths") and hasattr(model, "head"):
        return depth_logits(model, x, strategy.mb_task_id)
    raise TypeError(
        f"UtilisedDepth needs a network with depths, and {type(model).__name__} has none: make it with "
        'acn_bench.backbones.build, alone or under as_multitask(model, "head"), or give its class '
        "forward_depths(x) -> logits (L+1, B, K)"
    )


def _has_tasks(strategy: Any) -> bool:
    return hasattr(strategy.experience, "task_labels")
