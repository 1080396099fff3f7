"""A session -> records on disk, with progress on the terminal."""

import shutil
from contextlib import closing
from dataclasses import dataclass
from tempfile import TemporaryFile

from rich.console import Console

from acn_bench import records, run_folder
from acn_bench.config import RunConfig
from acn_bench.execution import caches, locks, plan_file, stale_files
from acn_bench.execution.plan_file import PlannedFile
from acn_bench.execution.progress import Expected, ProgressDisplay
from acn_bench.execution.session import Session
from acn_bench.registry import KINDS


@dataclass(frozen=True)
class Outcome:
    """What became of the runs of a plan that have no record."""

    failures: list[str]  # a sentence for each run that failed
    left: list[str]  # the names of those that other workers make


def execute(session: Session, console: Console) -> Outcome:
    """Make all runs that are not finished.

    Every finished run is on disk at any moment. Raises ValueError where the folder cannot be written.
    """
    _prepare_folder(session)
    job = session.job
    locks.announce(job.folder.locks, job.lock)
    plan_file.write(session.folder, planned_files(session))
    stale_files.remove_all(job)
    caches.make([c for c in session.configs if not session.finished(c)], session, console)
    expected = [
        Expected(config, session.table.name(config), seconds, share)
        for config, seconds, share in zip(
            session.configs, session.seconds, session.shares, strict=True
        )
        if not session.finished(config)
    ]
    if not expected:
        return Outcome([], [])

    def summary(config: RunConfig) -> str:
        record = session.record(config)
        return "" if record is None else KINDS.load(config.benchmark.kind).summary(record)

    shard = session.shard
    workers = session.jobs * (shard.count if shard else 1)
    display = ProgressDisplay(expected, workers, session.folder, summary, console)
    configs = [e.config for e in expected]
    if shard:  # of the whole plan: shares are the same whatever is finished
        unfinished = {config.run_id for config in configs}
        configs = [c for c in shard.order(session.configs) if c.run_id in unfinished]
    with display.bars, closing(session.executor.execute(configs, job)) as events:
        for event in events:
            display.show(event)
    return Outcome(display.failures, display.left)


def planned_files(session: Session) -> list[PlannedFile]:
    """The runs of the plan, as `status` reads them."""
    codes = session.job.codes
    return [
        PlannedFile(
            c.run_id, records.stem(c.run_id, codes[c.run_id]), session.table.name(c), seconds
        )
        for c, seconds in zip(session.configs, session.seconds, strict=True)
    ]


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
