"""A seed, experience and epoch -> the state of every global generator that Avalanche draws from.

The generators are seeded again at each epoch. Batch order and replayed examples then depend only on
(seed, experience, epoch): not on earlier draws, and not on the arm.
"""

from typing import Any

from avalanche.core import SupervisedPlugin

from acn_bench.data.generators import preserved_generators, seed_everything
from acn_bench.training.row_model import RowInputs

__all__ = ["Seeded", "preserved_generators", "seed_everything"]


class Seeded(SupervisedPlugin, supports_distributed=True):  # type: ignore[call-arg,misc]
    """Seeds the generators at the start and end of experiences and epochs; sets the epoch for augmentation."""

    def __init__(self, seed: int, rows: RowInputs, epochs: int) -> None:
        super().__init__()
        self.seed = seed
        self.rows = rows
        self.epochs = epochs  # per experience, with budget = "epochs"

    def before_training(self, strategy: Any, **kwargs: Any) -> None:
        # some strategies fill their memory before an experience begins
        seed_everything("start", self.seed, strategy.clock.train_exp_counter)

    def before_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        seed_everything("before", self.seed, strategy.clock.train_exp_counter)

    def before_training_epoch(self, strategy: Any, **kwargs: Any) -> None:
        experience, epoch = strategy.clock.train_exp_counter, strategy.clock.train_exp_epochs
        self.rows.epoch = experience * self.epochs + epoch
        seed_everything("epoch", self.seed, experience, epoch)

    def after_training_epoch(self, strategy: Any, **kwargs: Any) -> None:
        # others fill it after the last epoch: draws of the network (dropout) must not change the memory
        seed_everything("epoch's end", self.seed, strategy.clock.train_exp_counter)

    def after_training_exp(self, strategy: Any, **kwargs: Any) -> None:
        seed_everything("after", self.seed, strategy.clock.train_exp_counter)
