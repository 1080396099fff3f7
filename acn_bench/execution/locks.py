"""One lock file a run, held by the process that makes the run; the system frees it when the process dies."""

import fcntl
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from filelock import FileLock

from acn_bench.execution.job import Job


def refusal(folder: Path) -> str | None:
    """Why files in this folder cannot be locked, as some network file systems answer; None where they can."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=folder) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            return e.strerror or str(e)
    return None


def lock(job: Job, stem: str) -> AbstractContextManager[Any]:
    """The run's lock, taken at once. Raises filelock.Timeout where another process holds it.

    Where a job has no locks, nothing: not filelock's own substitute, which outlives a killed process.
    """
    if not job.locked:
        return nullcontext()
    job.folder.locks.mkdir(parents=True, exist_ok=True)
    return FileLock(job.folder.locks / f"{stem}.lock").acquire(timeout=0)
