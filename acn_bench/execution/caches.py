"""The runs of a plan -> what they read from disk and one process makes, once, with a progress bar: caches of images."""

from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from acn_bench.config import RunConfig
from acn_bench.execution.session import Session
from acn_bench.registry import KINDS


def make(configs: Sequence[RunConfig], session: Session, console: Console) -> None:
    """Make what is missing, by `prepare(config, data, report)` of each kind's planning module, where it has one.

    A command that is stopped here goes on where it stood. Raises ValueError for a damaged image, OSError where a
    cache cannot be written.
    """
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} images"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    with bars:
        for config in {msgspec.json.encode(c.benchmark): c for c in configs}.values():
            planning = KINDS.load(config.benchmark.kind).planning_module
            prepare = getattr(planning, "prepare", None)
            if prepare is not None:
                prepare(config, session.data_of(config), _Report(bars))


class _Report:
    """Called with the images that are done and all; each number of images has a bar of its own."""

    def __init__(self, bars: Progress) -> None:
        self.bars = bars
        self.tasks: dict[int, TaskID] = {}

    def __call__(self, done: int, total: int) -> None:
        if total not in self.tasks:
            self.tasks[total] = self.bars.add_task("making the cache of images", total=total)
        self.bars.update(self.tasks[total], completed=done)
