"""A benchmark's folder -> which of its runs are done, running, failed and waiting: from files alone, on any machine."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Literal, get_args

import msgspec

from acn_bench import records
from acn_bench.execution import activity, plan_file, process
from acn_bench.execution.activity import Activity
from acn_bench.run_folder import RunFolder, machine

SILENT = 60.0  # seconds without a heartbeat after which a worker is taken for dead, or for frozen
PLANNED = ("plans", "slurm")  # folders of a plan that was run, or submitted and has not begun
RunStateName = Literal["done", "running", "failed", "waiting"]


@dataclass(frozen=True)
class RunStatus:
    """Where a run stands."""

    name: str
    state: RunStateName
    seconds: float  # the plan's estimate
    # of a running one; of a waiting one whose worker died without a word
    heartbeat: "Heartbeat | None" = None
    reason: str = ""  # of a failed one


@dataclass(frozen=True)
class Heartbeat:
    """The last sign of life of a worker."""

    activity: Activity
    silent: float  # seconds since then, by the clock of the file system
    here: bool  # whether its process is one of this machine

    @property
    def is_alive(self) -> bool:
        """Whether the run is being made: of a process elsewhere, whether it was heard of lately."""
        if not self.here:
            return self.silent <= SILENT
        return not process.has_ended(self.activity.process, self.activity.born)


@dataclass(frozen=True)
class FolderStatus:
    """The runs of all plans of one benchmark's folder, in the plans' order."""

    benchmark: str
    runs: list[RunStatus]

    @property
    def counts(self) -> dict[RunStateName, int]:
        """The number of runs in each state."""
        return {state: len(self.of(state)) for state in get_args(RunStateName)}

    def of(self, state: RunStateName) -> list[RunStatus]:
        """The runs in one state."""
        return [run for run in self.runs if run.state == state]


def read(out: Path) -> list[FolderStatus]:
    """The state of each benchmark below `out`, or of the benchmark's folder itself.

    Raises LookupError where no plan was ever run.
    """
    folders = sorted(
        {path.parent for name in PLANNED for path in (*out.glob(name), *out.glob(f"*/{name}"))}
    )
    if not folders:
        raise LookupError(
            f"there is no plan below {out}: name the folder that `run` or `submit` was given as --out"
        )
    return [FolderStatus(folder.name, list(_runs(RunFolder(folder)))) for folder in folders]


def _runs(folder: RunFolder) -> Iterator[RunStatus]:
    made = {records.without_token(path) for path in folder.records.glob("*.json")}
    active = heartbeats(folder)
    for run in plan_file.read(folder):
        if run.stem in made:
            yield RunStatus(run.name, "done", run.seconds)
            continue
        heartbeat = active.get(run.stem)
        if heartbeat and heartbeat.is_alive:
            yield RunStatus(run.name, "running", run.seconds, heartbeat)
        elif reason := _failure(folder, run.run_id):
            yield RunStatus(run.name, "failed", run.seconds, reason=reason)
        else:
            yield RunStatus(run.name, "waiting", run.seconds, heartbeat)


def heartbeats(folder: RunFolder) -> dict[str, Heartbeat]:
    """Run -> its last heartbeat; of two workers, of the one heard last."""
    found: dict[str, Heartbeat] = {}
    now = _now(folder)
    for path in folder.running.glob("*.json"):
        match = activity.FILE.fullmatch(path.name)
        try:
            age = max(0.0, now - path.stat().st_mtime)
            about = msgspec.json.decode(path.read_bytes(), type=Activity)
        except (OSError, ValueError):  # it has just ended
            continue
        if match is None:
            continue
        heartbeat = Heartbeat(about, age, here=match["machine"] == machine())
        if age <= found.get(match["stem"], heartbeat).silent:
            found[match["stem"]] = heartbeat
    return found


def _now(folder: RunFolder) -> float:
    """The time on the clock that sets the times of files, which may be a server's."""
    try:
        with NamedTemporaryFile(dir=folder.running) as file:
            return Path(file.name).stat().st_mtime
    except OSError:  # somebody else's folder
        return time.time()


def _failure(folder: RunFolder, run_id: str) -> str:
    """The first line of the run's failure; empty where it did not fail."""
    try:
        text = (folder.failures / f"{run_id}.txt").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text.partition("\n")[0].strip() or "failed"
