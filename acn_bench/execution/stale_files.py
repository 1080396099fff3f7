"""Remove what killed processes left in a benchmark's folder."""

import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from filelock import Timeout

from acn_bench.execution.job import Job
from acn_bench.execution.locks import lock
from acn_bench.run_folder import PART, RunFolder, is_running

# as `records.stem` names the files of a run, and the folder of its checkpoints
OF_A_RUN = re.compile(r"(?P<stem>.+-[0-9a-f]{8})(\.\d+)?(\.(json|safetensors))?")


def remove_all(job: Job) -> None:
    """Remove half-written files, and checkpoints whose record exists, except those of a run that is being made.

    Without locks nothing is known of other commands: then nothing is removed.
    """
    if not job.locked:
        return
    for stem in sorted(_stems(job.folder)):
        with suppress(OSError, Timeout), lock(job, stem):
            remove_of_run(job.folder, stem)
    top = job.folder.folder
    for path in _parts(top, top / "failures", *_places(job.folder)):
        if _stem(path) is None and not is_running(path):
            _remove(path)


def remove_of_run(folder: RunFolder, stem: str) -> None:
    """Remove half-written files of a run, and its checkpoints whose record exists.

    The caller holds the run's lock.
    """
    for path in (*_parts(*_places(folder)), *_checkpoints_with_record(folder)):
        if _stem(path) == stem:
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
    for path in folder.checkpoints.glob("*"):
        name = path.name.removesuffix(".safetensors")
        if (folder.records / f"{name}.json").exists():
            yield path


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
