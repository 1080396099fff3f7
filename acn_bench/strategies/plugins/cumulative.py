"""The state of cumulative training: all examples so far."""

from typing import Any

from acn_bench.strategies.stream import Examples
from acn_bench.training.resume import State


class CumulativeState:
    """Restores the examples of all finished experiences; an experience that has begun adds its own."""

    resumes_within_experience = True

    def state(self) -> State:
        return {}

    def restore(self, state: State, learner: Any, examples: Examples) -> None:
        done = learner.clock.train_exp_counter
        if (
            learner.experience is None and done
        ):  # else the current experience has added its examples
            learner.dataset = examples.first(done)
