"""A learner -> the same, which tells when an epoch is over, and can begin an experience in its middle."""

from collections.abc import Callable
from typing import Any

from avalanche.core import SupervisedPlugin


class EpochHooks(SupervisedPlugin, supports_distributed=True):  # type: ignore[call-arg,misc]
    """Calls `passed()` after each epoch; it comes after the clock, which then counts what is done."""

    def __init__(self, learner: Any, passed: Callable[[], None]) -> None:
        super().__init__()
        self.learner = learner
        self.passed = passed
        self._restore: Callable[[], None] | None = None
        learner.plugins.append(self)

    def resume(self, restore: Callable[[], None]) -> None:
        """The next experience had begun: once its beginning is over, `restore()`, and train the rest."""
        self._restore = restore
        self.learner._train_exp = self._rest

    def before_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        if self._restore:
            self._restore()

    def after_training_epoch(self, strategy: Any, **kwargs: Any) -> None:
        self.passed()

    def _rest(self, experience: Any, eval_streams: Any = None, **kwargs: Any) -> None:
        """Avalanche's loop over the epochs, less those that are done."""
        learner = self.learner
        for _ in range(learner.clock.train_exp_epochs, learner.train_epochs):
            learner._before_training_epoch(**kwargs)
            learner.training_epoch(**kwargs)
            learner._after_training_epoch(**kwargs)
        self._restore = None
        del learner._train_exp  # the class's own, from now on
