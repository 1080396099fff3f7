"""The checkpoints of a trainer <-> the resume file of a run, which its lock guards and its record removes."""

import json
from collections.abc import Callable
from time import monotonic
from typing import Any

from acn_bench.benchmarks.run_progress import RunProgress
from acn_bench.training.checkpoints import Checkpoint, Checkpoints, Parts
from acn_bench.training.resume import MAX_SHARE, ResumeFile


class RunCheckpoints(Checkpoints):
    """Keeps one checkpoint, the newest, in the run's file. That file says what became of an earlier one.

    The file's interval is that between two checkpoints; `progress` gives the share of the run that is done.
    """

    def __init__(self, file: ResumeFile, progress: RunProgress) -> None:
        super().__init__(file.path.parent, every_seconds=file.interval, keep=1)
        self.file = file
        self.progress = progress
        self._written, self._took = (
            monotonic(),
            0.0,
        )  # when the last one was written, and how long it took

    def overdue(self) -> bool:
        """Whether one is due by the clock; always with an interval of 0. Else writing takes 2 % of the time at most."""
        interval = self.file.interval
        wait = max(interval, self._took / MAX_SHARE) if interval else 0.0
        return monotonic() - self._written >= wait

    def save(self, step: int, parts: Parts, state: dict[str, Any], about: dict[str, Any]) -> None:
        """Replace the file. Where that fails, the run continues, and the file's note says so."""
        began = monotonic()
        content = {"about": _text(about), "state": state, "parts": parts}
        self.file.save(lambda: content, self.progress.share, always=True)
        self.last = self.file.path
        self._written = monotonic()
        self._took = self._written - began

    def newest(self, about: dict[str, Any], note: Callable[[str], None]) -> Checkpoint | None:
        """What the file holds; None without a file that this training can use."""
        content = self.file.load()
        if content is None:
            return None
        if content.get("about") != _text(about):
            self.file.reject("does not match (other training)")
            return None
        self.last = self.file.path
        return Checkpoint(self.file.path, content["state"], content["parts"])


def _text(about: dict[str, Any]) -> str:
    return json.dumps(about, sort_keys=True)
