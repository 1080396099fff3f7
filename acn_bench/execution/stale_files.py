"""Remove what killed processes left in a benchmark's folder."""

import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from filelock import Timeout

from acn_bench import records
from acn_bench.execution.job import Job
from acn_bench.run_folder import PART, RunFolder, is_running

# as `records.free_path` names the files of a run, and the folder of its checkpoints
OF_A_RUN = re.compile(rf"(?P<stem>.+-[0-9a-f]{{8}}){records.NUMBER}(\.(json|safetensors))?")


def remove_all(job: Job) -> None:
    """Remove half-written files, and checkpoints whose record exists, except those of a run that is being made."""
    locks = job.locks()
    for stem in sorted(_stems(job.folder)):
        with suppress(OSError, Timeout), locks.take(stem):
            remove_of_run(job, stem)
    top = job.folder.folder
    of_no_run = [path for path in _parts(*_places(job.folder)) if _stem(path) is None]
    others = _parts(top, job.folder.failures, job.folder.plans, job.folder.running)
    for path in (*of_no_run, *others):
        if not is_running(path):
            _remove(path)


def remove_of_run(job: Job, stem: str) -> None:
    """Remove half-written files of a run, and its checkpoints whose record exists.

    The caller holds the run's lock. With a lease, a former owner may be alive and writing its record: its files
    stay until there is one.
    """
    folder = job.folder
    parts = _parts(*_places(folder))
    if job.lock == "lease" and not records.of_run(folder.records, stem):
        parts = iter(())
    for path in (*parts, *_checkpoints_with_record(folder)):
        if _stem(path) == stem:
            _remove(path)
    for path in _parts(folder.running):  # the heartbeats of former owners
        if path.name.startswith(f".{stem}."):
            _remove(path)


def _stems(folder: RunFolder) -> set[str]:
    """The runs that have stale files."""
    paths = (*_parts(*_places(folder)), *_checkpoints_with_record(folder))
    return {stem for stem in map(_stem, paths) if stem}


def _stem(path: Path) -> str | None:
    part = PART.fullmatch(path.name)
    of_run = OF_A_RUN.fullmatch(part["name"] if part else path.name)
    return of_run["stem"] if of_run else None


def _places(folder: RunFolder) -> tuple[Path, ...]:
    return folder.records, folder.weights, folder.checkpoints


def _parts(*places: Path) -> Iterator[Path]:
    for place in places:
        yield from (path for path in place.glob(".*.part") if PART.fullmatch(path.name))


def _checkpoints_with_record(folder: RunFolder) -> Iterator[Path]:
    of_records = {records.without_token(path) for path in folder.records.glob("*.json")}
    for path in folder.checkpoints.glob("*"):
        file = path.with_name(f"{path.name}.safetensors") if path.is_dir() else path
        if records.without_token(file) in of_records:
            yield path


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
