"""A fine-tuned network, or one that is being fine-tuned -> its scores with part of its weights at zero."""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import torch

from acn_bench.benchmarks.glue.result import Pruned
from acn_bench.benchmarks.text_network import TextClassifier
from acn_bench.training.checkpoints import Checkpoint, Checkpoints, Written
from acn_bench.training.pruning import KeptZeros, by_magnitude, by_movement, linears
from acn_bench.training.trainer import Trainer

Measure = Callable[[TextClassifier, int | None], Pruned]  # the network, and the epoch


def after_training(
    model: TextClassifier, shares: Sequence[float], measure: Measure
) -> Iterator[Pruned]:
    """Magnitude pruning of a copy of the network, at each share of all weights; shares rise."""
    smaller = copy.deepcopy(model)
    layers, before = linears(smaller.backbone), 0.0
    for share in shares:
        by_magnitude(layers, (share - before) / (1 - before))
        before = share
        yield measure(smaller, None)


class GradualPruning:
    """Movement pruning of the network that a trainer trains: after each epoch but the last a share of what is left.

    The network is measured at the end of each epoch, before it is pruned further. What is pruned stays zero.
    """

    def __init__(
        self, model: TextClassifier, share: float, measure: Measure, measured: list[Pruned]
    ) -> None:
        """Measurements are appended to `measured`."""
        self.model, self.share, self.measure, self.measured = model, share, measure, measured
        self.layers = linears(model.backbone)

    def attach(self, trainer: Trainer) -> None:
        """Follow the steps of a trainer."""
        self.trainer = trainer
        saving = trainer.saving
        if saving.checkpoints is not None:
            saving.checkpoints = PruningCheckpoints(saving.checkpoints, self.measured)
        optimizer = trainer.state.optimizer
        optimizer.register_step_pre_hook(self._before)
        self.kept = KeptZeros(self.layers, optimizer)
        optimizer.register_step_post_hook(self._after)

    def _before(self, *_: Any) -> None:
        """Before the first step: what is zero in a network that resumes was pruned before."""
        if not self.kept.masks and self._has_gradients():
            self.kept.renew()

    def _after(self, *_: Any) -> None:
        epoch, position = divmod(self.trainer.counts.step + 1, self.trainer.steps)
        if position or not self._has_gradients():
            return
        self.measured.append(self.measure(self.model, epoch - 1))
        self.model.train()
        if self.trainer.counts.step + 1 < self.trainer.total_steps:
            by_movement(self.layers, self.share)
            self.kept.renew()

    def _has_gradients(self) -> bool:
        """False in the step that a trainer takes to make the optimizer's moments, whose gradients are zero."""
        gradients = [layer.weight.grad for layer in self.layers]
        return any(g is not None and bool(torch.any(g != 0)) for g in gradients)


class PruningCheckpoints(Checkpoints):
    """The checkpoints of a trainer, which then hold what was measured after earlier epochs, too."""

    def __init__(self, of: Checkpoints, measured: list[Pruned]) -> None:
        vars(self).update(vars(of))
        self.measured = measured

    def save(self, step: int, parts: Written, state: dict[str, Any], about: dict[str, Any]) -> None:
        """As the base class, with the measurements."""
        more = {"measured": msgspec.to_builtins(self.measured)}
        super().save(step, parts, state | more, about)

    def newest(self, about: dict[str, Any], note: Callable[[str], None]) -> Checkpoint | None:
        """As the base class; takes the measurements over."""
        found = super().newest(about, note)
        if found is not None:
            self.measured[:] = msgspec.convert(found.state.get("measured", []), list[Pruned])
        return found
