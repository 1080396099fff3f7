"""A budget of images or seconds -> a plug-in that ends the training of an experience, in any epoch."""

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from time import thread_time
from typing import Any

from avalanche.core import SupervisedPlugin

from acn_bench.training.resume import State

UNTIL_STOPPED = 10**9  # epochs: more than any experience reaches


@dataclass(frozen=True)
class SpentBudget:
    """The budget of one experience and how much of it training used, in images or seconds."""

    limit: float
    total: float
    last_step: float
    processor: float  # seconds in which this thread ran


class Budget(SupervisedPlugin, supports_distributed=True):  # type: ignore[call-arg,misc]
    """Stops the training of an experience after the step that reaches its limit.

    `limits`: images or seconds of each experience, in order. `spent()` returns the total of the run so far.
    `on_step` is called after each step with the share of the experience's limit that the step used.
    """

    def __init__(
        self,
        limits: Sequence[float],
        spent: Callable[[], float],
        on_step: Callable[[float], None] = lambda _: None,
    ) -> None:
        super().__init__()
        self.limits = limits
        self.spent = spent
        self.on_step = on_step
        self.experiences: list[SpentBudget] = []
        self._start = self._last = self._step = self._thread_start = 0.0

    def before_training(self, strategy: Any, **kwargs: Any) -> None:
        self._start = self._last = self.spent()
        self._thread_start = thread_time()

    def after_training_iteration(self, strategy: Any, **kwargs: Any) -> None:
        limit, now = self._limit(strategy), self.spent()
        self._step, self._last = now - self._last, now
        self.on_step(self._step / limit)
        if now - self._start >= limit:
            strategy.stop_training()

    def after_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        total, processor = self._last - self._start, thread_time() - self._thread_start
        self.experiences.append(SpentBudget(self._limit(strategy), total, self._step, processor))

    def state(self) -> State:
        """The state for a checkpoint between two experiences."""
        return {"experiences": [list(astuple(spent)) for spent in self.experiences]}

    def restore(self, state: State) -> None:
        """Set the state that `state` returned."""
        self.experiences = [SpentBudget(*spent) for spent in state["experiences"]]

    def _limit(self, strategy: Any) -> float:
        number: int = strategy.clock.train_exp_counter
        return self.limits[number]
