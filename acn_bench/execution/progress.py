"""Events of runs -> progress bars, a line for each run that ends, and a trace file for each that failed."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from acn_bench import run_folder, wording
from acn_bench.config import RunConfig
from acn_bench.execution import estimate
from acn_bench.execution.job import END, RunEvent
from acn_bench.run_folder import RunFolder


@dataclass(frozen=True)
class Expected:
    """A run that is to be made."""

    config: RunConfig
    name: str
    seconds: float  # estimate, in one worker
    share: float  # done in its checkpoint


class ProgressDisplay:
    """Shows the events of runs; `failures` has a sentence for each run that failed, `left` what others make."""

    def __init__(
        self,
        expected: Sequence[Expected],
        jobs: int,
        folder: RunFolder,
        summary: Callable[[RunConfig], str],
        console: Console,
    ) -> None:
        """`summary` gives the outcome of a finished run in a few words."""
        self.jobs, self.folder, self.summary, self.ended = jobs, folder, summary, 0
        self.failures: list[str] = []
        self.left: list[str] = []
        self.names = {e.config.run_id: e.name for e in expected}
        self.seconds = {e.config.run_id: e.seconds for e in expected}
        self.share = {e.config.run_id: e.share for e in expected}  # done
        self.resumed = self._done()  # seconds of work that checkpoints hold
        self.started = time.monotonic()
        self.starts: dict[str, float] = {}
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[left]}"),
            console=console,
            transient=True,
        )
        total = sum(self.seconds.values())
        self.total = self.bars.add_task("all runs", total=1.0, left=self._left())
        self.bars.update(self.total, completed=self.resumed / total)
        self.lines: dict[str, TaskID] = {}

    def show(self, event: RunEvent) -> None:
        """Show one event."""
        run = event.config.run_id
        if event.state != "started":
            self.share[run] = event.share
        else:
            self.starts[run] = time.monotonic()
            if run not in self.lines:
                self.lines[run] = self.bars.add_task(escape(self.names[run]), total=1.0, left="")
        if run in self.lines:
            self.bars.update(self.lines[run], completed=self.share[run])
        if event.state in END:
            self._show_end(event)
        completed = self._done() / sum(self.seconds.values())
        self.bars.update(self.total, completed=completed, left=self._left())

    def _done(self) -> float:
        """Seconds of work that are done, by the plan's estimate."""
        return sum(self.seconds[run] * share for run, share in self.share.items())

    def _left(self) -> str:
        """The time left: by the plan's estimate at first, then by the speed so far."""
        done, total = self._done(), sum(self.seconds.values())
        now_done = done - self.resumed  # by this command
        if now_done < 0.02 * total:
            left = (total - done) / self.jobs + estimate.START
        else:
            left = (time.monotonic() - self.started) * (total - done) / now_done
        return f"about {wording.duration(left)} left"

    def _show_end(self, event: RunEvent) -> None:
        run = event.config.run_id
        self.ended += 1
        self.share[run] = 1.0
        if run in self.lines:
            self.bars.remove_task(self.lines.pop(run))
        head = escape(f"[{self.ended}/{len(self.seconds)}] {self.names[run]}")
        if event.state == "left":
            self.left.append(self.names[run])
            return
        if event.state == "failed":
            reason = f"{event.message}{self._write_trace(event)}"
            self.failures.append(f"{self.names[run]}: {reason}")
            self.bars.console.print(f"{head}  [red]failed:[/red] {escape(reason)}", soft_wrap=True)
            return
        duration = "by another command"
        if run in self.starts:
            duration = wording.duration(time.monotonic() - self.starts[run])
        note = escape(f"  ({event.message})") if event.message else ""
        line = f"{head}  {duration}  {self.summary(event.config)}{note}"
        self.bars.console.print(line, soft_wrap=True)

    def _write_trace(self, event: RunEvent) -> str:
        """Write why a run failed; returns the path in brackets, empty where there is no trace."""
        path = self.folder.failures / f"{event.config.run_id}.txt"
        with suppress(OSError):
            with run_folder.atomic(path) as part:
                part.write_text(f"{event.message}\n\n{event.trace}", encoding="utf-8")
            return f" (trace: {path})" if event.trace else ""
        return ""
