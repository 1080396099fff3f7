"""The steps of a training -> TensorBoard, Weights & Biases or MLflow, where installed; each library is called directly.

Accelerate's trackers would bring its process state, which is another owner of the process group, and a flush of the
file in each step.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from acn_bench.errors import shorten
from acn_bench.registry import closest
from acn_bench.training.recipe import Recipe
from acn_bench.training.step import Step

SECONDS = 1.0  # between two values, at least: a training may take a thousand steps in a second
PROJECT = "acn_bench"


class Tracker(Protocol):
    """One training in one library."""

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Add values of a step."""
        ...

    def finish(self) -> None:
        """Write what is left."""
        ...


class _TensorBoard:
    def __init__(self, run: str, folder: Path, settings: Mapping[str, Any]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(folder / run))
        self.writer.add_text("settings", "\n\n".join(f"{k} = {v}" for k, v in settings.items()))

    def log(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def finish(self) -> None:
        self.writer.close()


class _WandB:
    def __init__(self, run: str, folder: Path, settings: Mapping[str, Any]) -> None:
        library: Any = importlib.import_module("wandb")
        folder.mkdir(parents=True, exist_ok=True)
        self.run = library.init(
            project=PROJECT,
            id=run,
            name=run,
            resume="allow",
            dir=str(folder),
            config=dict(settings),
        )

    def log(self, values: Mapping[str, float], step: int) -> None:
        self.run.log(dict(values), step=step)

    def finish(self) -> None:
        self.run.finish()


class _MLflow:
    def __init__(self, run: str, folder: Path, settings: Mapping[str, Any]) -> None:
        self.library: Any = importlib.import_module("mlflow")
        self.library.set_experiment(PROJECT)
        self.library.start_run(run_name=run)
        self.library.log_params(dict(settings))

    def log(self, values: Mapping[str, float], step: int) -> None:
        self.library.log_metrics(dict(values), step=step)

    def finish(self) -> None:
        self.library.end_run()


@dataclass(frozen=True)
class _Library:
    package: str
    make: Callable[[str, Path, Mapping[str, Any]], Tracker]


TRACKERS = {
    "tensorboard": _Library("tensorboard", _TensorBoard),
    "wandb": _Library("wandb", _WandB),
    "mlflow": _Library("mlflow", _MLflow),
}


def check(names: Sequence[str]) -> None:
    """Raise LookupError for an unknown tracker, ValueError for one whose package is not installed."""
    for name in names:
        if name not in TRACKERS:
            raise LookupError(f"unknown tracker {shorten(name)}. {closest(name, TRACKERS)}")
        package = TRACKERS[name].package
        if find_spec(package) is None:
            raise ValueError(f"the tracker {name} is not installed: pip install {package}")


class Trackers:
    """Loss, learning rate and epoch of a training, about once a second and at its end.

    `folder` holds what a tracker writes on this machine. Where a tracker sends the rest is said by its own environment
    variables, such as WANDB_MODE and MLFLOW_TRACKING_URI.
    """

    def __init__(self, names: Sequence[str], run: str, folder: Path, recipe: Recipe) -> None:
        check(names)
        self._trackers = [TRACKERS[name].make(run, folder, recipe.identity) for name in names]
        self._at = -SECONDS

    def log(self, step: Step) -> None:
        """Log a finished step; close the trackers after the last."""
        last = step.step == step.total_steps
        if not self._trackers or not (last or monotonic() - self._at >= SECONDS):
            return
        self._at = monotonic()
        values = {"loss": step.loss, "learning_rate": step.learning_rate, "epoch": step.epoch}
        for tracker in self._trackers:
            tracker.log(values, step.step)
            if last:
                tracker.finish()
