"""A learner -> the same learner, with a callback after each epoch and a resume from within an experience."""

from collections.abc import Callable
from typing import Any

from avalanche.core import SupervisedPlugin


class EpochHooks(SupervisedPlugin, supports_distributed=True):  # type: ignore[call-arg,misc]
    """Calls `after_epoch()` after each epoch. It is the last plug-in: the clock has counted the epoch already."""

    def __init__(self, learner: Any, after_epoch: Callable[[], None]) -> None:
        super().__init__()
        self.learner = learner
        self.after_epoch = after_epoch
        self._restore: Callable[[], None] | None = None
        learner.plugins.append(self)

    def resume(self, restore: Callable[[], None]) -> None:
        """Resume within the next experience: call `restore()` after its start, then train the remaining epochs."""
        self._restore = restore
        self.learner._train_exp = self._train_remaining_epochs

    def before_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        if self._restore:
            self._restore()

    def after_training_epoch(self, strategy: Any, **kwargs: Any) -> None:
        self.after_epoch()

    def _train_remaining_epochs(
        self, experience: Any, eval_streams: Any = None, **kwargs: Any
    ) -> None:
        """Avalanche's loop over the epochs, from the first epoch that is not done."""
        learner = self.learner
        for _ in range(learner.clock.train_exp_epochs, learner.train_epochs):
            learner._before_training_epoch(**kwargs)
            learner.training_epoch(**kwargs)
            learner._after_training_epoch(**kwargs)
        self._restore = None
        del learner._train_exp  # from now on the method of the class
