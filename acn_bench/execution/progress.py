"""News of runs under way -> progress bars, a line for each run that ends, and a trace for each that failed."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from acn_bench import run_folder
from acn_bench.config import RunConfig
from acn_bench.execution import estimate
from acn_bench.execution.local import RunEvent
from acn_bench.run_folder import RunFolder


@dataclass(frozen=True)
class Expected:
    """One run that is to be made."""

    config: RunConfig
    name: str
    seconds: float  # roughly, in one worker
    share: float  # that a checkpoint holds


class ProgressDisplay:
    """What a person sees while runs are made. `failures` has a sentence for each that failed."""

    def __init__(
        self,
        expected: Sequence[Expected],
        jobs: int,
        place: RunFolder,
        figures: Callable[[RunConfig], str],
        console: Console,
    ) -> None:
        """`figures` says in a few words what a finished run came to."""
        self.jobs, self.place, self.figures, self.ended = jobs, place, figures, 0
        self.failures: list[str] = []
        self.names = {e.config.run_id: e.name for e in expected}
        self.seconds = {e.config.run_id: e.seconds for e in expected}
        self.share = {e.config.run_id: e.share for e in expected}  # done
        self.given = sum(self.seconds[run] * share for run, share in self.share.items())
        self.began = time.monotonic()
        self.starts: dict[str, float] = {}
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[left]}"),
            console=console,
            transient=True,
        )
        whole = sum(self.seconds.values())
        left = self._left(self.given, whole)
        self.total = self.bars.add_task("all runs", total=1.0, left=left)
        self.bars.update(self.total, completed=self.given / whole)
        self.lines: dict[str, TaskID] = {}

    def tell(self, news: RunEvent) -> None:
        """Show one piece of news."""
        run = news.config.run_id
        if news.state != "started":
            self.share[run] = news.share
        else:
            self.starts[run] = time.monotonic()
            if run not in self.lines:
                self.lines[run] = self.bars.add_task(escape(self.names[run]), total=1.0, left="")
        if run in self.lines:
            self.bars.update(self.lines[run], completed=self.share[run])
        if news.state in ("done", "kept", "failed"):
            self._ended(news)
        done = sum(self.seconds[r] * share for r, share in self.share.items())
        whole = sum(self.seconds.values())
        self.bars.update(self.total, completed=done / whole, left=self._left(done, whole))

    def _left(self, done: float, whole: float) -> str:
        """What is left, by how fast it went so far; by the plan's estimate until that says something."""
        passed = time.monotonic() - self.began
        planned = (whole - done) / self.jobs
        here = done - self.given  # what checkpoints held took this command no time
        if here < 0.02 * whole:
            return f"about {estimate.duration(planned + estimate.START)} left"
        return f"about {estimate.duration(passed * (whole - done) / here)} left"

    def _ended(self, news: RunEvent) -> None:
        run = news.config.run_id
        self.ended += 1
        self.share[run] = 1.0
        if run in self.lines:
            self.bars.remove_task(self.lines.pop(run))
        head = escape(f"[{self.ended}/{len(self.seconds)}] {self.names[run]}")
        if news.state == "failed":
            why = f"{news.message}{self._keep_trace(news)}"
            self.failures.append(f"{self.names[run]}: {why}")
            self.bars.console.print(f"{head}  [red]failed:[/red] {escape(why)}", soft_wrap=True)
            return
        took = "elsewhere"
        if run in self.starts:
            took = estimate.duration(time.monotonic() - self.starts[run])
        note = escape(f"  ({news.message})") if news.message else ""
        words = f"{head}  {took}  {self.figures(news.config)}{note}"
        self.bars.console.print(words, soft_wrap=True)

    def _keep_trace(self, news: RunEvent) -> str:
        """Keep the failed run's trace; returns where it is, empty where there is none."""
        if not news.trace:
            return ""
        path = self.place.folder / "failures" / f"{news.config.run_id}.txt"
        with suppress(OSError):
            with run_folder.atomic(path) as part:
                part.write_text(news.trace, encoding="utf-8")
            return f" (trace: {path})"
        return ""
