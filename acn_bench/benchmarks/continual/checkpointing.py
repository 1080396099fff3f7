"""The state of a continual run <-> its resume file."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from acn_bench.benchmarks.continual.run_state import RunState
from acn_bench.benchmarks.run_checks import RunChecks
from acn_bench.benchmarks.run_progress import RunProgress
from acn_bench.strategies.budget import Budget
from acn_bench.strategies.epoch_hooks import EpochHooks
from acn_bench.strategies.monitor import TrainingMonitor
from acn_bench.strategies.state import learner_state, restore_learner, state_of
from acn_bench.strategies.state_monitor import StrategyMonitor
from acn_bench.strategies.stream import Examples
from acn_bench.training.resume import ResumeFile, State


@dataclass
class Checkpointing:
    """Saves and restores everything that decides the rest of a run."""

    file: ResumeFile | None  # None: nothing is saved or restored
    learner: Any
    model: nn.Module
    monitor: TrainingMonitor
    strategy_monitor: StrategyMonitor
    budget: Budget | None
    run_state: RunState
    progress: RunProgress
    checks: RunChecks

    within_experience: bool = True  # False: an interrupted experience begins again

    def __post_init__(self) -> None:
        self.epoch_hooks = EpochHooks(self.learner, self._after_epoch)

    def resume(self, stream: Any) -> bool:
        """Restore the run from its file; returns whether there was a checkpoint."""
        state = self.file.load() if self.file else None
        if state is None:
            return False
        examples = Examples(stream.train_stream)
        self.run_state.restore(state["run"])
        self.checks.restore(state["checks"])
        if self.budget:
            self.budget.restore(state["budget"])
        self._restore_training(state, examples)
        if len(self.monitor.loss) > self.learner.clock.train_exp_counter:  # within an experience
            self.epoch_hooks.resume(lambda: self._restore_training(state, examples))
        self.progress.restore(state["progress"])
        return True

    def restore_point(self, stream: Any) -> Callable[[], None]:
        """A function that sets training back to now, as often as it is called.

        Images, passes and progress stay counted: what is trained meanwhile is part of the run's cost.
        """
        examples, now = Examples(stream.train_stream), copy.deepcopy(self._training_state())

        def restore() -> None:
            state, images = copy.deepcopy(now), self.monitor.images_seen
            state["monitor"] |= {"images": images, "reported": images}
            if self.budget:
                self.budget.restore(state["budget"])
            self._restore_training(state, examples)

        return restore

    def save(self, *, always: bool = False) -> None:
        """Write a checkpoint if enough time has passed since the last one, or `always`."""
        if self.file:
            self.file.save(self._state, self.progress.share, always=always)

    def _after_epoch(self) -> None:
        self.run_state.end_lap("train")
        strategy_state = state_of(self.learner)
        within = strategy_state is not None and strategy_state.resumes_within_experience
        if (
            within and self.within_experience and not self.budget
        ):  # a budget may end within an epoch
            self.save()

    def _state(self) -> State:
        return {
            "run": self.run_state.state(),
            "checks": self.checks.state(),
            "progress": self.progress.state(),
            **self._training_state(),
        }

    def _training_state(self) -> State:
        return {
            "learner": learner_state(self.learner, self.model),
            "monitor": self.monitor.state(),
            "strategy_monitor": self.strategy_monitor.state(),
            "budget": self.budget.state() if self.budget else None,
        }

    def _restore_training(self, state: State, examples: Examples) -> None:
        self.monitor.restore(state["monitor"])
        self.strategy_monitor.restore(state["strategy_monitor"])
        restore_learner(self.learner, self.model, state["learner"], examples)
