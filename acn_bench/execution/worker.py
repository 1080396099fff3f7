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
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

from filelock import Timeout

from acn_bench import home, records
from acn_bench.config import RunConfig
from acn_bench.errors import is_stop, sentence
from acn_bench.execution import stale_files
from acn_bench.execution.job import Job, Placement, RunEvent
from acn_bench.execution.locks import lock
from acn_bench.record import Record
from acn_bench.training.stopping import Stop

PROGRESS_INTERVAL = 0.2  # seconds between two progress events of a run
BUSY_INTERVAL = 1.0  # seconds until a run that another process holds is tried again

Send = Callable[[RunEvent], None]


@dataclass(frozen=True)
class Busy:
    """The answer for a run whose lock another process holds: no event, since the run has not ended."""

    config: RunConfig


def serve(pipe: Connection, job: Job, placement: Placement) -> None:
    """Take configs from the pipe, one at a time, until it closes; send the events of each."""
    for number in (signal.SIGINT, signal.SIGHUP):  # the parent decides
        signal.signal(number, signal.SIG_IGN)
    stop = Stop()
    signal.signal(signal.SIGTERM, stop.request)
    _end_with_parent()
    warnings.simplefilter("ignore")  # of third parties; errors are raised
    _redirect_output(job.folder.folder / "workers.log")
    while True:
        try:
            config = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            pipe.send(attempt(config, job, placement, pipe.send, stop))
        except (BrokenPipeError, ConnectionResetError):  # the parent is gone
            return


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
    stop: Stop | None = None,
    make: Callable[..., object] | None = None,
) -> RunEvent | Busy:
    """Make a run unless it is busy or has a record; returns its end, and sends the events before it.

    `make` replaces `run`, and is called as it is.
    """
    code = job.codes[config.run_id]
    stem = records.stem(config.run_id, code)
    try:
        with lock(job, stem):
            if not job.again and records.newest(job.folder.records, config.run_id, code):
                return RunEvent(config, "kept", share=1.0)
            if job.locked:
                stale_files.remove_of_run(job.folder, stem)
            send(RunEvent(config, "started"))
            notes: list[str] = []
            progress = _progress_sender(config, send)
            (make or run)(config, job, placement, progress, notes.append, stop)
            return RunEvent(config, "done", share=1.0, message="; ".join(notes))
    except Timeout:
        time.sleep(BUSY_INTERVAL)
        return Busy(config)
    except (BrokenPipeError, ConnectionResetError):
        raise
    except BaseException as e:  # a user's function may call sys.exit
        if is_stop(e):
            raise
        return RunEvent(config, "failed", message=sentence(e), trace=traceback.format_exc())


def run(
    config: RunConfig,
    job: Job,
    placement: Placement,
    progress: Callable[[float], None],
    note: Callable[[str], None],
    stop: Stop | None = None,
) -> Record | None:
    """Make a run in this process; its record, in the first process of the run. Raises what `runner.run` raises, and ValueError where the code changed."""
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
        stop=stop,
        trackers=job.trackers,
    )


def _progress_sender(config: RunConfig, send: Send) -> Callable[[float], None]:
    """A progress function that sends a few events per second at most."""
    last = time.monotonic()

    def progress(share: float) -> None:
        nonlocal last
        if time.monotonic() - last >= PROGRESS_INTERVAL:
            last = time.monotonic()
            send(RunEvent(config, "progress", share=share))

    return progress
