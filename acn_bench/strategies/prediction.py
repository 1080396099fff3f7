"""A trained learner -> what it predicts from features: a head's logits, or how near each class mean is."""

from typing import Any, Protocol

import torch
from avalanche.models import NCMClassifier
from torch import Tensor, nn

from acn_bench.backbones import Heads


class Prediction(Protocol):
    """Features -> logits, as the strategy itself would have it."""

    every_depth: bool  # whether what it learned is of use after fewer blocks than all

    @property
    def ready(self) -> bool:
        """Whether it can predict yet."""

    @property
    def state(self) -> dict[str, Tensor]:
        """What it predicts with, beside the network and its heads."""

    def logits(self, features: Tensor, experience: int) -> Tensor:
        """Features (…, D) -> (…, K): of an experience's own head; with one head for all, of all."""


class HeadPrediction:
    """The head says it: the experience's own one, or the one that there is."""

    every_depth = True
    ready = True

    def __init__(self, head: nn.Module) -> None:
        self.head = head
        self.state: dict[str, Tensor] = {}

    def logits(self, features: Tensor, experience: int) -> Tensor:
        head = self.head[experience] if isinstance(self.head, Heads) else self.head
        found: Tensor = head(features)
        return found


class NearestMeanPrediction:
    """The class whose mean lies nearest, among those that came; the means are of full depth alone."""

    every_depth = False

    def __init__(self, learner: Any, classes: int) -> None:
        self.learner = learner
        self.classes = classes

    @property
    def ready(self) -> bool:
        return self._means.class_means is not None

    @property
    def state(self) -> dict[str, Tensor]:
        return {"class_means": self._means.class_means.cpu()}

    def logits(self, features: Tensor, experience: int) -> Tensor:
        flat = self._means(features.flatten(0, -2))  # minus the distance
        # a class that never came has a mean of zero, nearer than any mean that points away
        came = self._means.class_means.ne(0).any(dim=1).to(flat.device)
        return torch.where(came, flat, -torch.inf).view(*features.shape[:-1], self.classes)

    @property
    def _means(self) -> NCMClassifier:
        return self.learner.model.eval_classifier
