"""An experience and a strategy's strengths -> training with the largest strength that still learns the experience.

The continual hyper-parameter framework of De Lange et al. 2021 (arXiv 1909.08383), as FACIL has it. First the experience is
trained with strength 0: its held-out accuracy a is what fine-tuning reaches from here (maximal plasticity). Then it is
trained with the largest strength, and again with a smaller one each time, until the held-out accuracy is at least
(1 - drop) · a (stability decay). Every training starts from the same state with the same batches, and nothing of a later
experience is read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol, runtime_checkable

from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.spec import Strategy
from acn_bench.training.resume import State


@runtime_checkable
class Adjustable(Protocol):
    """The state of a strategy whose strength can be set between two trainings."""

    def set_strength(self, strength: float) -> None:
        """Use that strength from now on."""


def strengths(protocol: ContinualSpec, strategy: Strategy) -> list[float]:
    """The strengths to try, the largest first; empty where none is to be selected."""
    if protocol.select == "none" or strategy.selectable is None:
        return []
    first = protocol.select_start * float(getattr(strategy, strategy.selectable))
    return [first * protocol.select_decay**k for k in range(protocol.select_tries)]


@dataclass(frozen=True)
class StrengthSelection:
    """Trains on one experience after another, each with a strength of its own."""

    strengths: list[float]  # the largest first
    drop: float  # the share of the accuracy of fine-tuning that may be lost
    strategy: Adjustable
    train: Callable[[Any], None]  # on one experience
    accuracy: Callable[[int], float]  # on the held-out rows of experience i
    images: Callable[[], int]  # trained on so far
    restore_point: Callable[
        [], Callable[[], None]
    ]  # () -> a function that sets training back to now

    def train_on(self, i: int, experience: Any) -> list[State]:
        """Train on experience i > 0; returns each try, fine-tuning first and the one that counts last."""
        restore = self.restore_point()
        tries = [self._try(i, experience, 0.0)]
        needed = (1 - self.drop) * tries[0]["accuracy"]
        for strength in self.strengths:
            restore()
            tries.append(self._try(i, experience, strength))
            if tries[-1]["accuracy"] >= needed:
                break
        return tries

    def _try(self, i: int, experience: Any, strength: float) -> State:
        began, images = perf_counter(), self.images()
        self.strategy.set_strength(strength)
        self.train(experience)
        accuracy = self.accuracy(i)
        return {
            "strength": strength,
            "accuracy": accuracy,
            "images": self.images() - images,
            "seconds": perf_counter() - began,
        }
