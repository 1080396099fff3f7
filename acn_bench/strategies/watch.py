"""A training run -> its loss per epoch, the images it saw, and news of how far it is."""

from collections.abc import Callable
from math import isfinite
from typing import Any

import torch
from avalanche.core import SupervisedPlugin
from torch import Tensor


class DivergedError(RuntimeError):
    """The loss is no longer a number."""


class Watch(SupervisedPlugin, supports_distributed=True):  # type: ignore[call-arg,misc]
    """Keeps what a record needs of training; calls `trained(images)` after each step."""

    def __init__(self, trained: Callable[[int], None]) -> None:
        super().__init__()
        self.trained = trained
        self.loss: list[list[float]] = []  # per experience and epoch
        self.images_seen = 0
        self._sum: Tensor = torch.zeros(())  # on the device: no transfer a step
        self._steps = 0

    def before_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        self.loss.append([])

    def before_training_epoch(self, strategy: Any, **kwargs: Any) -> None:
        self._sum, self._steps = torch.zeros((), device=strategy.device), 0

    def after_training_iteration(self, strategy: Any, **kwargs: Any) -> None:
        self._sum += strategy.loss.detach().squeeze()
        self._steps += 1
        self.images_seen += len(strategy.mb_y)
        self.trained(len(strategy.mb_y))

    def after_training_epoch(self, strategy: Any, **kwargs: Any) -> None:
        loss = self._sum.item() / max(self._steps, 1)
        if not isfinite(loss):
            raise DivergedError(
                f"the training loss became {loss} in experience {len(self.loss) - 1}, "
                f"epoch {len(self.loss[-1])}"
            )
        self.loss[-1].append(loss)
