"""A session -> records on disk, with progress on the terminal."""

import shutil
from contextlib import closing
from dataclasses import replace
from tempfile import TemporaryFile

from rich.console import Console

from acn_bench import run_folder
from acn_bench.config import RunConfig
from acn_bench.execution import locks, stale_files
from acn_bench.execution.job import Job
from acn_bench.execution.progress import Expected, ProgressDisplay
from acn_bench.execution.session import Session
from acn_bench.registry import KINDS


def execute(session: Session, console: Console) -> list[str]:
    """Make all runs that are not finished; returns a sentence for each that failed.

    Every finished run is on disk at any moment. Raises ValueError where the folder cannot be written.
    """
    _prepare_folder(session)
    job = _with_locks(session.job, console)
    stale_files.remove_all(job)
    expected = [
        Expected(config, session.table.name(config), seconds, share)
        for config, seconds, share in zip(
            session.configs, session.seconds, session.shares, strict=True
        )
        if not session.finished(config)
    ]
    if not expected:
        return []

    def summary(config: RunConfig) -> str:
        record = session.record(config)
        return "" if record is None else KINDS.load(config.benchmark.kind).summary(record)

    display = ProgressDisplay(expected, session.jobs, session.folder, summary, console)
    configs = [e.config for e in expected]
    with display.bars, closing(session.executor.execute(configs, job)) as events:
        for event in events:
            display.show(event)
    return display.failures


def _with_locks(job: Job, console: Console) -> Job:
    """The job; where the file system has no locks, without them, and a line says what follows."""
    reason = locks.refusal(job.folder.locks)
    if reason is None:
        return job
    console.print(
        f"no locks   {job.folder.locks}: {reason}. Run one command at a time with this --out, or take one on "
        "a local disk",
        soft_wrap=True,
        markup=False,
    )
    return replace(job, locked=False)


def _prepare_folder(session: Session) -> None:
    """Make the benchmark's folder, check that it can be written, and copy the card into it."""
    folder = session.folder.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
        with run_folder.atomic(folder / "card.toml") as part:
            shutil.copyfile(session.card_source, part)
    except OSError as e:
        raise ValueError(f"--out: {folder} cannot be written: {e.strerror or e}") from e
