"""What cumulative training keeps: all examples so far."""

from typing import Any

from acn_bench.strategies.stream import Examples
from acn_bench.training.resume import State


class Gathered:
    """The examples of all experiences that are done; one that is at work has added its own."""

    inside = True

    def state(self) -> State:
        return {}

    def restore(self, state: State, learner: Any, examples: Examples) -> None:
        done = learner.clock.train_exp_counter
        if learner.experience is None and done:  # else the experience began, and added itself
            learner.dataset = examples.first(done)
