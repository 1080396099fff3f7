"""A learner's training -> its loss per epoch, its number of images, and a callback for progress."""

from collections.abc import Callable
from typing import Any

import torch
from avalanche.core import SupervisedPlugin
from torch import Tensor

from acn_bench.training.divergence import finite
from acn_bench.training.resume import State
from acn_bench.training.row_model import RowInputs


class TrainingMonitor(SupervisedPlugin, supports_distributed=True):  # type: ignore[call-arg,misc]
    """Records the loss and the images of training; calls `on_step(images)` after each step.

    Images are counted at the input of the network, so replayed images are counted for every strategy.
    """

    def __init__(self, rows: RowInputs, on_step: Callable[[int], None]) -> None:
        super().__init__()
        self.rows = rows
        self.on_step = on_step
        self._reported = 0  # images
        self.loss: list[list[float]] = []  # per experience and epoch
        self._sum: Tensor = torch.zeros(())  # on the device: no transfer a step
        self._steps = 0

    def before_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        self.loss.append([])

    def before_training_epoch(self, strategy: Any, **kwargs: Any) -> None:
        self._sum, self._steps = torch.zeros((), device=strategy.device), 0

    def after_training_iteration(self, strategy: Any, **kwargs: Any) -> None:
        self._sum += strategy.loss.detach().squeeze()
        self._steps += 1
        self.on_step(self.images_seen - self._reported)
        self._reported = self.images_seen

    @property
    def images_seen(self) -> int:
        """Images of all forward and backward passes, replayed ones included."""
        return self.rows.trained

    def after_training_epoch(self, strategy: Any, **kwargs: Any) -> None:
        place = f"experience {len(self.loss) - 1}, epoch {len(self.loss[-1])}"
        self.loss[-1].append(finite(self._sum.item() / max(self._steps, 1), place))

    def state(self) -> State:
        """The state for a checkpoint: losses, images, and the epoch that seeds augmentation."""
        return {
            "loss": self.loss,
            "reported": self._reported,
            "epoch": self.rows.epoch,
            "images": self.rows.trained,
        }

    def restore(self, state: State) -> None:
        """Set the state that `state` returned."""
        self.loss = [list(losses) for losses in state["loss"]]
        self._reported = state["reported"]
        self.rows.epoch, self.rows.trained = state["epoch"], state["images"]
