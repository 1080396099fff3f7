"""What a plan hands to an executor, and what an executor reports: `Job`, `Placement`, `RunEvent`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from acn_bench.config import RunConfig
from acn_bench.run_folder import RunFolder

State = Literal["started", "progress", "done", "kept", "failed"]
END: tuple[State, ...] = ("done", "kept", "failed")


@dataclass(frozen=True)
class Placement:
    """Where one process of a run computes."""

    device: str  # by index where there are several: "cuda:1"; "cpu"
    rank: int = 0  # of this process, among those of its run
    world_size: int = 1  # processes of the run


@dataclass(frozen=True)
class Job:
    """What every worker of a plan needs to know, the same for all of its runs."""

    folder: RunFolder
    codes: Mapping[str, str]  # run_id -> the code hash that the plan was made with
    data_root: Path | None
    devices: tuple[str, ...]  # that runs may use, by index
    threads: int  # of each process
    again: bool  # make runs that have a record, too
    interval: float = 10.0  # seconds between two checkpoints of a run, at least
    world_size: int = 1  # processes of each run
    stop_seconds: float = 1.0  # until a run that is stopped, and has not ended, is killed
    trackers: tuple[str, ...] = ()  # that trainings are logged to
    locked: bool = True  # the file system has locks, so that several commands can share the folder


@dataclass(frozen=True)
class RunEvent:
    """A change in the state of a run, or its progress."""

    config: RunConfig
    state: State  # `kept`: it has a record already
    share: float = 0.0  # of the run that is done, in [0, 1]
    message: str = ""  # of a failed run, why; of a finished one, a note to the user
    trace: str = ""
