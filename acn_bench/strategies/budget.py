"""Images or seconds -> the end of an experience's training, in whichever epoch that comes."""

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from time import thread_time
from typing import Any

from avalanche.core import SupervisedPlugin

from acn_bench.training.resume import State

UNTIL_STOPPED = 10**9  # epochs: more than any experience comes to


@dataclass(frozen=True)
class Spent:
    """What the training of one experience took, in images or seconds."""

    limit: float  # what it had
    total: float
    last_step: float
    processor: float  # seconds in which this thread ran


class Budget(SupervisedPlugin, supports_distributed=True):  # type: ignore[call-arg,misc]
    """Ends the training of an experience with the step that uses up what it has.

    `limits`: of each experience that is trained on, in turn. `spent()` counts up over the whole run.
    """

    def __init__(
        self,
        limits: Sequence[float],
        spent: Callable[[], float],
        passed: Callable[[float], None] = lambda _: None,
    ) -> None:
        super().__init__()
        self.limits = limits
        self.spent = spent
        self.passed = passed  # told after each step which share of a limit it took
        self.experiences: list[Spent] = []
        self._start = self._before = self._step = self._thread = 0.0

    def before_training(self, strategy: Any, **kwargs: Any) -> None:
        self._start = self._before = self.spent()
        self._thread = thread_time()

    def after_training_iteration(self, strategy: Any, **kwargs: Any) -> None:
        limit, now = self._limit(strategy), self.spent()
        self._step, self._before = now - self._before, now
        self.passed(self._step / limit)
        if now - self._start >= limit:
            strategy.stop_training()

    def after_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        total, processor = self._before - self._start, thread_time() - self._thread
        self.experiences.append(Spent(self._limit(strategy), total, self._step, processor))

    def state(self) -> State:
        """For a checkpoint between two experiences."""
        return {"experiences": [list(astuple(spent)) for spent in self.experiences]}

    def restore(self, state: State) -> None:
        """Take back what `state` gave."""
        self.experiences = [Spent(*spent) for spent in state["experiences"]]

    def _limit(self, strategy: Any) -> float:
        number: int = strategy.clock.train_exp_counter
        return self.limits[number]
