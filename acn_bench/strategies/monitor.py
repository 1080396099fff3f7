"""A training run -> its loss per epoch, the images it saw, and news of how far it is."""

from collections.abc import Callable
from typing import Any

import torch
from avalanche.core import SupervisedPlugin
from torch import Tensor

from acn_bench.data.batches import Rows
from acn_bench.training.divergence import finite
from acn_bench.training.resume import State


class TrainingMonitor(SupervisedPlugin, supports_distributed=True):  # type: ignore[call-arg,misc]
    """Keeps what a record needs of training; calls `trained(images)` after each step.

    Images are counted where the network is shown them, so that a memory's are counted, whichever way
    a strategy brings them in.
    """

    def __init__(self, rows: Rows, trained: Callable[[int], None]) -> None:
        super().__init__()
        self.rows = rows
        self.trained = trained
        self._told = 0
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
        self.trained(self.images_seen - self._told)
        self._told = self.images_seen

    @property
    def images_seen(self) -> int:
        """Forward and backward, those of memories included."""
        return self.rows.trained

    def after_training_epoch(self, strategy: Any, **kwargs: Any) -> None:
        place = f"experience {len(self.loss) - 1}, epoch {len(self.loss[-1])}"
        self.loss[-1].append(finite(self._sum.item() / max(self._steps, 1), place))

    def state(self) -> State:
        """For a checkpoint: what was seen so far, and the epoch that images are augmented by."""
        seen = {"loss": self.loss, "told": self._told}
        return seen | {"epoch": self.rows.epoch, "images": self.rows.trained}

    def restore(self, state: State) -> None:
        """Take back what `state` gave."""
        self.loss, self._told = [list(losses) for losses in state["loss"]], state["told"]
        self.rows.epoch, self.rows.trained = state["epoch"], state["images"]
