"""A run, its network, task and recipe -> the trainer that resumes, reports progress, and saves when it is stopped."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from torch import nn

from acn_bench.benchmarks.run import Run
from acn_bench.training.checkpoints import Checkpoints
from acn_bench.training.recipe import Recipe
from acn_bench.training.step import Step
from acn_bench.training.trackers import Trackers
from acn_bench.training.trainer import Batch, Task, Trainer
from acn_bench.weights_header import Header

KEPT = 2  # checkpoints of a run


def trainer(
    run: Run,
    model: nn.Module,
    task: Task,
    recipe: Recipe,
    *,
    share: float = 1.0,
    on_step: Callable[[Step], None] = lambda _: None,
    after_epoch: Callable[[int, Batch], Any] = lambda *_: None,
) -> Trainer:
    """The trainer of a run's one training.

    `share` is the part of the run that the training is, in (0, 1]; progress is reported up to it. Checkpoints lie
    in a folder beside the run's resume file. A network whose weights are named `backbone.…` and `head.…`, or a
    `Backbone`, can be loaded from them by `backbones.load`.
    """
    names = run.trackers if run.rank == 0 and run.checkpoint is not None else ()
    trackers = Trackers(names, run.config.run_id, _trackers_folder(run), recipe)

    def report(step: Step) -> None:
        run.progress(share * step.share)
        trackers.log(step)
        on_step(step)

    return Trainer(
        model,
        task,
        recipe,
        seed=run.config.seeds.data,
        device=run.device,
        checkpoints=_checkpoints(run),
        on_step=report,
        after_epoch=after_epoch,
        events=(lambda _: None) if run.checkpoint is None else run.checkpoint.note,
        stop=run.stop,
    )


def _trackers_folder(run: Run) -> Path:
    """Beside the folder of checkpoints."""
    return Path() if run.checkpoint is None else run.checkpoint.path.parent.parent / "trackers"


def _checkpoints(run: Run) -> Checkpoints | None:
    file, backbone = run.checkpoint, run.config.backbone
    if file is None:
        return None
    return Checkpoints(
        file.folder,
        about={"config": msgspec.to_builtins(run.config), "code": file.about["code"]},
        header=Header(backbone, backbone.depth or 0, run.config.precision).encoded(),
        every_seconds=file.interval,
        keep=KEPT,
    )
