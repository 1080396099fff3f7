"""A trained learner -> its predictions from features: the logits of a head, or distances to class means."""

from typing import Any, Protocol

import torch
from avalanche.models import NCMClassifier
from torch import Tensor, nn

from acn_bench.backbones import Heads


class Prediction(Protocol):
    """Features -> logits, by the strategy's own rule."""

    every_depth: bool  # whether it can classify the features of every depth, or of full depth only

    @property
    def ready(self) -> bool:
        """Whether it can predict already."""

    @property
    def state(self) -> dict[str, Tensor]:
        """The tensors that it predicts with, in addition to the network and its heads."""

    def logits(self, features: Tensor, experience: int) -> Tensor:
        """Features (…, D) -> logits (…, K) of the experience's head (multi-head) or the single head."""


class HeadPrediction:
    """Predicts with the head of the experience (multi-head) or with the single head."""

    every_depth = True
    ready = True

    def __init__(self, head: nn.Module) -> None:
        self.head = head
        self.state: dict[str, Tensor] = {}

    def logits(self, features: Tensor, experience: int) -> Tensor:
        head = self.head[experience] if isinstance(self.head, Heads) else self.head
        logits: Tensor = head(features)
        return logits


class NearestMeanPrediction:
    """Predicts the class with the nearest mean, among the classes seen; means exist at full depth only."""

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
        # an unseen class has a zero mean, which can be nearer than the mean of a seen class
        seen = self._means.class_means.ne(0).any(dim=1).to(flat.device)
        return torch.where(seen, flat, -torch.inf).view(*features.shape[:-1], self.classes)

    @property
    def _means(self) -> NCMClassifier:
        return self.learner.model.eval_classifier
