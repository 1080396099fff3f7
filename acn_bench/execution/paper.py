"""A plan and a number of devices -> what its trainings take there: bytes, FLOPs and hours, by arithmetic.

Nothing is trained but a few steps, which are timed on this machine where it can take them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import msgspec
import torch

from acn_bench import device, user_functions
from acn_bench.benchmarks.kind import Kind
from acn_bench.config import RunConfig
from acn_bench.data import loading
from acn_bench.data.data_set import DataSet
from acn_bench.data.paper_data import paper_data
from acn_bench.errors import MissingData
from acn_bench.execution import estimate, memory
from acn_bench.plan import UnresolvedPlan
from acn_bench.registry import DATA, KINDS
from acn_bench.spec import PRECISIONS, Benchmark, Precision
from acn_bench.training.memory_plan import MemoryPlan
from acn_bench.training.recipe import Recipe, Wrapping
from acn_bench.wording import plural

WRAPPINGS: tuple[Wrapping, ...] = get_args(Wrapping)
TIMED_FLOPS = 2e12  # of a step on two images: more takes minutes on a CPU

Note = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What is asked for."""

    devices: int
    speed: float | None  # images/s of one device, measured elsewhere; None: steps are timed here
    data_root: Path | None
    device: str  # auto, cpu or cuda: where steps are timed


@dataclass(frozen=True)
class PaperRun:
    """One training of a plan, the same for all seeds."""

    config: RunConfig
    recipe: Recipe
    rows: int  # of an epoch
    plans: dict[Wrapping, MemoryPlan | str]  # or why that wrapping cannot train it
    speed: float | None  # images/s of one device; None: not timed

    @property
    def planned(self) -> MemoryPlan | None:
        """The plan of the first wrapping that can train it: parameters and FLOPs are the same for all."""
        return next((p for p in self.plans.values() if isinstance(p, MemoryPlan)), None)

    def hours(self, devices: int) -> float | None:
        """Of the training, if nothing is lost by sharing it; None where the speed is not known."""
        trained = self.recipe.total_steps(self.rows) / self.recipe.steps(self.rows) * self.rows
        return None if self.speed is None else trained / (self.speed * devices) / 3600


@dataclass(frozen=True)
class PaperPlan:
    """What the trainings of a plan take on several devices."""

    devices: int
    data: list[DataSet]  # `PaperData` where there are no files
    speed_source: str
    runs: list[PaperRun]


def plan(wanted: Wanted, runs: UnresolvedPlan, note: Note = lambda _: None) -> PaperPlan:
    """The plan of each training, seeds aside. `note` takes sentences for the user.

    Raises ValueError for a kind without such plans, and as `session.prepare` for data and networks that do not fit.
    """
    known = {spec.datasets: _data(spec, wanted.data_root) for spec in runs.by_data.values()}
    precision: dict[str, Precision] = {"auto": device.DEFAULT_PRECISION} | {
        p: p for p in PRECISIONS
    }
    sources = {name: user_functions.source(name, role) for name, role in runs.functions.items()}
    configs = runs.resolve_each(
        lambda spec: (known[spec.datasets].fingerprint, known[spec.datasets].image_shape),
        precision,
        sources,
    )
    distinct = {
        msgspec.json.encode((c.benchmark, c.backbone, c.precision)): c for c in configs
    }.values()
    chip = device.resolve(wanted.device)
    made = [_run(c, known[c.benchmark.datasets], wanted, chip, note) for c in distinct]
    source = "as given by --speed"
    if wanted.speed is None:
        source = f"of steps that are timed here, on {device.describe(chip)}; images are not read"
    source += (
        f"; hours if {plural(wanted.devices, 'device')} lose nothing by waiting for each other"
    )
    return PaperPlan(wanted.devices, list(known.values()), source, made)


def _data(spec: Benchmark, root: Path | None) -> DataSet:
    """The data of a training; where its files are missing, the original set without its examples."""
    name = spec.datasets[0]
    try:
        return loading.load(name, root)
    except MissingData:
        stand_in = paper_data(DATA.load(name))
        if stand_in is None:
            raise
        return stand_in


def _run(
    config: RunConfig, data: DataSet, wanted: Wanted, chip: torch.device, note: Note
) -> PaperRun:
    kind = KINDS.load(config.benchmark.kind)
    _refuse_unplanned(kind)
    planning = kind.planning_module
    planning.check(config, [data])
    (rows,) = planning.train_rows(config, [data])
    classes = estimate.cost_of(config, [data]).classes
    training = kind.on_paper_module.training(config, rows, classes, data.image_shape)
    plans: dict[Wrapping, MemoryPlan | str] = {}
    for wrapping in WRAPPINGS:
        try:
            plans[wrapping] = training.plan(wrapping, wanted.devices)
        except ValueError as e:
            plans[wrapping] = str(e)
    speed = wanted.speed or _timed(config, data, plans["ddp"], chip, note)
    return PaperRun(config, training.recipe, rows, plans, speed)


def _refuse_unplanned(kind: Kind) -> None:
    if not kind.on_paper:
        planned = [name for name in KINDS if KINDS.load(name).on_paper]
        raise ValueError(
            f"--devices: a {kind.name} benchmark has no plan on paper; kinds with one: {', '.join(planned)}"
        )


def _timed(
    config: RunConfig, data: DataSet, made: MemoryPlan | str, chip: torch.device, note: Note
) -> float | None:
    """Images/s of training steps on this machine; None for a network that is too large for it."""
    if chip.type == "cpu" and isinstance(made, MemoryPlan) and 2 * made.step_flops / made.images > TIMED_FLOPS:  # fmt: skip
        return None
    try:
        memory.check([config], [data], chip)
    except ValueError:
        return None
    note(f"timing training steps of {config.backbone.name}: 10 s at most")
    (seconds,) = estimate.seconds_per_image([config], [data], chip)
    return None if seconds is None else 1 / seconds
