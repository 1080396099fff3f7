"""Seeds and a place in the stream -> the state of every generator that Avalanche draws from.

The state is set anew at each epoch, so that what is drawn there (batch order, replayed examples)
depends on (seed, experience, epoch) alone: not on what was drawn before, and not on the arm.
"""

from typing import Any

from avalanche.core import SupervisedPlugin

from acn_bench.data.batches import Rows
from acn_bench.data.generators import preserved_generators, seed_everything

__all__ = ["Seeded", "preserved_generators", "seed_everything"]


class Seeded(SupervisedPlugin, supports_distributed=True):  # type: ignore[call-arg,misc]
    """Sets the generators, and the epoch that augmentation is keyed by, at each boundary."""

    def __init__(self, seed: int, rows: Rows, epochs: int) -> None:
        super().__init__()
        self.seed = seed
        self.rows = rows
        self.epochs = epochs  # per experience, where nothing else ends it

    def before_training(self, strategy: Any, **kwargs: Any) -> None:
        # some strategies fill their memory before the experience begins
        seed_everything("start", self.seed, strategy.clock.train_exp_counter)

    def before_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        seed_everything("before", self.seed, strategy.clock.train_exp_counter)

    def before_training_epoch(self, strategy: Any, **kwargs: Any) -> None:
        experience, epoch = strategy.clock.train_exp_counter, strategy.clock.train_exp_epochs
        self.rows.epoch = experience * self.epochs + epoch
        seed_everything("epoch", self.seed, experience, epoch)

    def after_training_epoch(self, strategy: Any, **kwargs: Any) -> None:
        # and some after its last epoch: whatever the network drew must not reach the memory
        seed_everything("epoch's end", self.seed, strategy.clock.train_exp_counter)

    def after_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        seed_everything("after", self.seed, strategy.clock.train_exp_counter)
