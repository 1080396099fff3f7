"""A run -> its guards: what is observed while it trains and measures, and the checks at its end."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from torch import nn

from acn_bench.backbones import Backbone
from acn_bench.evaluation import guards
from acn_bench.evaluation.correctness import Correct
from acn_bench.result import Guard
from acn_bench.training.resume import State

SLICE = 37  # examples at once in the repeated measurement: no divisor of the usual slices


class RunChecks:
    """The guards of one run, of any kind of benchmark."""

    def __init__(self) -> None:
        self.guards: list[Guard] = []
        self.passes = guards.TrainedImages()
        self.training_modes: list[bool] = []  # per measurement: any module in training mode

    def count_passes(self, backbone: nn.Module) -> None:
        """Count the images of each training pass from now on: at the stem, which every pass of a backbone uses."""
        start: nn.Module = backbone.stem if isinstance(backbone, Backbone) else backbone
        start.register_forward_pre_hook(self.passes)

    def record_mode(self, model: nn.Module) -> None:
        """Record whether any module is in training mode; call it within a measurement."""
        self.training_modes.append(any(module.training for module in model.modules()))

    @contextmanager
    def unchanged(self, model: nn.Module, by: str) -> Iterator[None]:
        """Check that the model and the random state are the same after the block; `by` names the block."""
        with guards.change_detector(model) as unchanged:
            yield
        self.guards.append(guards.measurement_changes_nothing(by, unchanged()))

    def repeated(
        self, model: nn.Module, measure: Callable[[bool, int | None], Sequence[Correct]]
    ) -> Sequence[Correct]:
        """Check that a measurement depends neither on order nor on slices, and changes nothing.

        `measure(reverse, at_once)` measures the held-out rows, in reverse order if `reverse`. Returns the first
        measurement.
        """
        with self.unchanged(model, by="evaluation"):
            first = measure(False, None)
            second = measure(True, SLICE)
        self.guards += [
            guards.batch_independent(first, second),
            guards.evaluation_mode(self.training_modes),
        ]
        return first

    def images(self, reported: int, stream: int) -> None:
        """Check that the reported images are those of the training passes; `stream`: the rows times epochs."""
        self.guards.append(guards.images_counted(reported, self.passes.images, stream))

    def state(self) -> State:
        """The state for a checkpoint; the guards so far are checked again when the run resumes."""
        return {"passes": self.passes.images, "training_modes": self.training_modes}

    def restore(self, state: State) -> None:
        """Set the state that `state` returned."""
        self.passes.images = state["passes"]
        self.training_modes = state["training_modes"]
