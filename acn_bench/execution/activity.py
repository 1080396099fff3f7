"""What a worker is doing -> a small file that says so to `status`, on any machine: its heartbeat."""

import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from acn_bench import run_folder
from acn_bench.execution import process
from acn_bench.run_folder import RunFolder, machine

INTERVAL = 5.0  # seconds between two heartbeats
FILE = re.compile(r"(?P<stem>.+)\.\d+-(?P<machine>[0-9a-f]{8})\.json")
JOB_VARIABLES = ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_JOB_ID")


class Activity(msgspec.Struct, frozen=True):
    """A run that is being made."""

    host: str
    process: int
    started: str  # ISO 8601, on the host's clock
    share: float  # done, in [0, 1]
    job: str = ""  # of a cluster: "1234_5"
    born: str | None = None  # when the process started, in ticks since its machine did


class Heartbeat:
    """Writes the file of one run every few seconds; `share` is what the next one says."""

    def __init__(self, path: Path) -> None:
        self.path, self.share = path, 0.0
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def start(self) -> None:
        """Write the file, and go on in a thread."""
        self._write()
        self._thread.start()

    def stop(self) -> None:
        """Remove the file."""
        self._ended.set()
        self._thread.join()
        with suppress(OSError):
            self.path.unlink()

    def _beat(self) -> None:
        while not self._ended.wait(INTERVAL):
            self._write()

    def _write(self) -> None:
        about = Activity(
            socket.gethostname(),
            os.getpid(),
            self._started,
            self.share,
            cluster_job(),
            process.born(os.getpid()),
        )
        # for people: no run fails for it
        with suppress(OSError), run_folder.atomic(self.path) as part:
            part.write_bytes(msgspec.json.encode(about))


@contextmanager
def shown(folder: RunFolder, stem: str) -> Iterator[Heartbeat]:
    """Show in the folder, inside the block, that this process makes the run; the caller holds its lock."""
    for path in folder.running.glob(f"{stem}.*.json"):  # of processes that were killed
        with suppress(OSError):
            path.unlink()
    heartbeat = Heartbeat(folder.running / f"{stem}.{os.getpid()}-{machine()}.json")
    heartbeat.start()
    try:
        yield heartbeat
    finally:
        heartbeat.stop()


def cluster_job() -> str:
    """The job of a cluster that this process belongs to, as its commands name it; empty outside one."""
    array, task, job = (os.environ.get(name, "") for name in JOB_VARIABLES)
    return f"{array}_{task}" if array and task else job
