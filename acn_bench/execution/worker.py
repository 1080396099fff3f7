"""The process that makes runs for an executor: one at a time, one lock per run, events to its parent."""

import fcntl
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

from filelock import Timeout

from acn_bench import home, records
from acn_bench.config import RunConfig
from acn_bench.errors import is_stop, sentence
from acn_bench.execution import activity, stale_files
from acn_bench.execution.activity import Heartbeat
from acn_bench.execution.job import Job, Placement, RunEvent
from acn_bench.execution.locks import ALONE, Claim, Locks, SupersededError
from acn_bench.execution.preemption import StopRequest
from acn_bench.record import Record
from acn_bench.training.stopping import Stop

PROGRESS_INTERVAL = 0.2  # seconds between two progress events of a run
BUSY_INTERVAL = 1.0  # seconds until a run that another process holds is tried again

Send = Callable[[RunEvent], None]


@dataclass(frozen=True)
class Busy:
    """The answer for a run whose lock another process holds: no event, since the run has not ended."""

    config: RunConfig


def serve(pipe: Connection, job: Job, placement: Placement, port: int = 0) -> None:
    """Take configs from the pipe, one at a time, until it closes; send the events of each.

    `port` is that of the store by which the other processes of its runs are found.
    """
    stop = _begin(job)
    make = None
    if placement.world_size > 1:
        from acn_bench.execution.channel import Channel  # torch
        from acn_bench.execution.together import Leader

        make = Leader(Channel.on_port(placement.rank, placement.world_size, port)).run
    locks = job.locks()
    while True:
        try:
            config = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            pipe.send(attempt(config, job, placement, pipe.send, locks, stop, make))
        except (BrokenPipeError, ConnectionResetError):  # the parent is gone
            return


def follow(job: Job, placement: Placement, port: int) -> None:
    """Take part in the runs of the process that serves, until this one is stopped."""
    stop = _begin(job)
    from acn_bench.execution import together  # torch
    from acn_bench.execution.channel import Channel

    channel = Channel.on_port(placement.rank, placement.world_size, port)
    together.follow(channel, lambda: placement, stop.training, stop.in_run)


def _begin(job: Job) -> StopRequest:
    """Settle signals and output of a process that its parent started; returns what hears a request to stop."""
    for number in (signal.SIGINT, signal.SIGHUP):  # the parent decides
        signal.signal(number, signal.SIG_IGN)
    stop = StopRequest()
    stop.listen(saves=job.grace > 0)
    _end_with_parent()
    warnings.simplefilter("ignore")  # of third parties; errors are raised
    _redirect_output(job.folder.folder / "workers.log")
    return stop


def _end_with_parent() -> None:
    """End this process when its parent ends, killed or not: nobody would see the rest of the run.

    What a run has written is whole at any moment.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None
    if sys.platform == "linux":
        # a thread waits while an import holds the interpreter; SIGIO ends the process in any case, when the
        # pipe closes that only the parent holds open
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(parent.sentinel, fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(parent.sentinel, fcntl.F_GETFL)
        fcntl.fcntl(parent.sentinel, fcntl.F_SETFL, flags | os.O_ASYNC)

    def watch() -> NoReturn:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _redirect_output(log: Path) -> None:
    """Write the output of libraries to a file: the terminal belongs to the command line."""
    log.parent.mkdir(parents=True, exist_ok=True)
    stream = log.open("a")
    os.dup2(stream.fileno(), 1)
    os.dup2(stream.fileno(), 2)


def attempt(
    config: RunConfig,
    job: Job,
    placement: Placement,
    send: Send,
    locks: Locks | None = None,  # of this process; they are needed for a second attempt
    stop: StopRequest | None = None,  # of this process
    make: Callable[..., object] | None = None,
) -> RunEvent | Busy:
    """Make a run unless it is busy or has a record; returns its end, and sends the events before it.

    `make` replaces `run`, and is called as it is.
    """
    stem = records.stem(config.run_id, job.codes[config.run_id])
    try:
        with (locks or job.locks()).take(stem) as claim:
            if _has_record(config, job):
                return RunEvent(config, "kept", share=1.0)
            stale_files.remove_of_run(job, stem)
            send(RunEvent(config, "started"))
            notes: list[str] = []
            with activity.shown(job.folder, stem) as heartbeat:
                progress = _progress_sender(config, send, claim, heartbeat)
                with stop.in_run() if stop else nullcontext():
                    (make or run)(
                        config,
                        job,
                        placement,
                        progress,
                        notes.append,
                        _checked(claim, config, job, stop),
                        stop.training if stop else None,
                    )
            return RunEvent(config, "done", share=1.0, message="; ".join(notes))
    except (Timeout, SupersededError):
        time.sleep(BUSY_INTERVAL)
        return Busy(config)
    except (BrokenPipeError, ConnectionResetError):
        raise
    except BaseException as e:  # a user's function may call sys.exit
        if is_stop(e):
            raise
        if job.lock == "lease" and _has_record(
            config, job
        ):  # the next owner removed what this one wrote
            return RunEvent(config, "kept", share=1.0)
        return RunEvent(config, "failed", message=sentence(e), trace=traceback.format_exc())


def _has_record(config: RunConfig, job: Job) -> bool:
    if job.again:
        return False
    code = job.codes[config.run_id]
    return records.newest(job.folder.records, config.run_id, code) is not None


def _checked(claim: Claim, config: RunConfig, job: Job, stop: StopRequest | None) -> Claim:
    """The claim, which ends where another owner of the lease has written the run's record, or a scheduler stops it."""

    def check() -> None:
        if claim.token and _has_record(config, job):
            raise SupersededError

    return replace(claim, check=check, stopping=stop.is_made if stop else claim.stopping)


def run(
    config: RunConfig,
    job: Job,
    placement: Placement,
    progress: Callable[[float], None],
    note: Callable[[str], None],
    claim: Claim = ALONE,
    stop: Stop | None = None,
) -> Record | None:
    """Make a run in this process; its record, in the first process of the run.

    Raises what `runner.run` raises, and ValueError where the code changed.
    """
    home.prepare()
    import torch  # here: the parent need not load it, and thread settings come before it

    from acn_bench.execution import code_hash, runner

    if code_hash.code(config) != job.codes[config.run_id]:
        raise ValueError(
            "the package's files changed while the plan ran: run the same command again"
        )
    torch.set_num_threads(job.threads)
    if torch.device(placement.device).type == "cuda":  # for code that names no index
        torch.cuda.set_device(placement.device)
    return runner.run(
        config,
        job.folder,
        data_root=job.data_root,
        placement=placement,
        progress=progress,
        note=note,
        interval=job.interval,
        claim=claim,
        stop=stop,
        trackers=job.trackers,
    )


def _progress_sender(
    config: RunConfig, send: Send, claim: Claim, heartbeat: Heartbeat
) -> Callable[[float], None]:
    """A progress function that sends a few events per second at most; it ends a run that lost its lease."""
    last = time.monotonic()

    def progress(share: float) -> None:
        nonlocal last
        heartbeat.share = share
        if time.monotonic() - last >= PROGRESS_INTERVAL:
            last = time.monotonic()
            if claim.lost():
                raise SupersededError
            send(RunEvent(config, "progress", share=share))

    return progress
