"""[RunConfig] -> [RunRecord], in processes of their own, one lock a run.

This process plans and watches; each worker takes one run at a time. A run belongs to whoever holds its
lock, so several commands on one `--out` share a plan; the system frees the lock of a process that dies.
A run whose worker dies is tried once more, from its checkpoint; a second time it has failed.
"""

import multiprocessing
import os
import signal
import sys
import time
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from acn_bench import interruption, records
from acn_bench.config import RunConfig
from acn_bench.errors import sentence
from acn_bench.record import Record
from acn_bench.run_folder import RunFolder

State = Literal["started", "progress", "done", "kept", "busy", "failed", "died"]

NEWS_INTERVAL = 0.2  # seconds between two reports of one run's progress
BUSY_INTERVAL = 1.0  # seconds until a run that another command has is asked for again

# One process a core, one thread each: two threads beside another busy process slow tiny models down
# up to 100×. Waiting threads sleep. Freed memory is kept for the next step, in huge pages: handing it
# back and faulting it in again costs a third of a step.
ENVIRONMENT = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


@dataclass(frozen=True)
class Job:
    """What every worker of a plan is told once."""

    place: RunFolder
    codes: Mapping[str, str]  # run_id -> the hash of the code that the plan was made with
    data_root: Path | None
    device: str
    threads: int
    again: bool
    interval: float = 10.0  # seconds between two checkpoints of a run, at least


@dataclass(frozen=True)
class RunEvent:
    """What became of a run, or how far it is."""

    config: RunConfig
    state: State
    share: float = 0.0  # of the run that is done
    message: str = ""  # why it failed; of one that is done, what a person should know
    trace: str = ""


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection
    config: RunConfig | None = None  # what it is at
    died: bool = False


def execute(configs: Sequence[RunConfig], job: Job, jobs: int) -> Generator[RunEvent]:
    """Run every config, `jobs` at a time; yields news as it comes, each config's end exactly once.

    Its end is `done`, `kept` (a record was there) or `failed`. Closing the iterator, and Ctrl-C,
    stop the workers at once; what they had not finished leaves nothing behind but locks.
    """
    waiting = deque(configs)
    died: dict[str, str] = {}  # run_id -> how its process ended
    workers: list[_Worker] = []
    try:
        workers += (_start(job) for _ in range(min(jobs, len(configs))))
        while waiting or any(w.config for w in workers):
            for news in _round(workers, waiting):
                if news.state == "died":
                    _replace_dead(workers, job)
                    if news.config.run_id in died:
                        yield RunEvent(news.config, "failed", message=f"{news.message}, twice")
                        continue
                    died[news.config.run_id] = news.message
                if news.state in ("died", "busy"):
                    waiting.append(news.config)
                else:
                    yield _with_death(news, died.get(news.config.run_id))
    finally:
        _stop(workers)


def _with_death(news: RunEvent, death: str | None) -> RunEvent:
    """A run that ended well says if a process died over it."""
    if news.state != "done" or death is None:
        return news
    return replace(news, message="; ".join(filter(None, [f"{death}, once", news.message])))


def _round(workers: Sequence[_Worker], waiting: deque[RunConfig]) -> list[RunEvent]:
    """Give every idle worker a run; then wait until one of them or more has something to say."""
    for worker in workers:
        if worker.config is None and waiting:
            worker.config = waiting.popleft()
            with suppress(OSError):  # it died idle: what comes next from its pipe says so
                worker.pipe.send(worker.config)
    busy = [w for w in workers if w.config]
    ready = wait([w.pipe for w in busy])
    return [_receive(worker) for worker in busy if worker.pipe in ready]


def _start(job: Job) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, job), daemon=True)
    settings = ENVIRONMENT | {"OMP_NUM_THREADS": str(job.threads)}
    resource_tracker.ensure_running()  # its own start would let Ctrl-C through
    with environment(settings), interruption.defer():  # the parent decides for its workers
        process.start()
    theirs.close()
    return _Worker(process, ours)


def _stop(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.process.terminate()
    patience = time.monotonic() + 5
    for worker in workers:
        worker.process.join(max(0, patience - time.monotonic()))
        if (
            worker.process.is_alive()
        ):  # a library may have caught the exit: nothing is lost by force
            worker.process.kill()
            worker.process.join()


def _replace_dead(workers: list[_Worker], job: Job) -> None:
    for k, worker in enumerate(workers):
        if worker.died:
            worker.process.kill()  # its pipe is gone, so it can only be on its way out
            worker.process.join()
            workers[k] = _start(job)


def _receive(worker: _Worker) -> RunEvent:
    """What a worker says; where that is the last of a run, the worker is idle again."""
    assert worker.config is not None
    try:
        news: RunEvent = worker.pipe.recv()
    except (EOFError, OSError):
        worker.died = True
        worker.process.join(timeout=5)
        code = worker.process.exitcode
        how = f"was killed by signal {-code}" if code and code < 0 else f"ended with {code}"
        news = RunEvent(worker.config, "died", message=f"its process {how}")
    if news.state not in ("started", "progress"):
        worker.config = None
    return news


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """What is set here is what a process started inside begins with; what the user set stays."""
    before = dict(os.environ)
    os.environ.update({k: v for k, v in values.items() if k not in before or k.startswith("OMP")})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


# ---------------------------------------------------------------- inside a worker


def _work(pipe: Connection, job: Job) -> None:
    """Take configs from the pipe, one at a time, until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    warnings.simplefilter("ignore")  # third parties'; what matters is raised
    _silence(job.place.folder / "workers.log")
    while True:
        try:
            config = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            pipe.send(_attempt(config, job, pipe))
        except (BrokenPipeError, ConnectionResetError):  # nobody is left to report to
            return


def _silence(log: Path) -> None:
    """What libraries print goes to a file: the terminal belongs to the command line."""
    log.parent.mkdir(parents=True, exist_ok=True)
    stream = log.open("a")
    os.dup2(stream.fileno(), 1)
    os.dup2(stream.fileno(), 2)


def _attempt(config: RunConfig, job: Job, pipe: Connection) -> RunEvent:
    """Run a config if nobody else does and nobody has."""
    code = job.codes[config.run_id]
    stem = records.stem(config.run_id, code)
    job.place.locks.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(job.place.locks / f"{stem}.lock").acquire(timeout=0):
            if not job.again and records.newest(job.place.records, config.run_id, code):
                return RunEvent(config, "kept", share=1.0)
            _remove_stale_files(job.place, stem)
            pipe.send(RunEvent(config, "started"))
            notes: list[str] = []
            _run(config, job, _reporter(config, pipe), notes.append)
            return RunEvent(config, "done", share=1.0, message="; ".join(notes))
    except Timeout:
        time.sleep(BUSY_INTERVAL)
        return RunEvent(config, "busy")
    except (BrokenPipeError, ConnectionResetError):
        raise
    except Exception as e:
        return RunEvent(config, "failed", message=sentence(e), trace=traceback.format_exc())


def _run(
    config: RunConfig, job: Job, progress: Callable[[float], None], note: Callable[[str], None]
) -> Record:
    import torch  # here: the parent must not pay for it, and the threads are set before

    from acn_bench.execution import code_hash, runner

    if code_hash.code(config) != job.codes[config.run_id]:
        raise ValueError(
            "the package's files changed while the plan ran: run the same command again"
        )
    torch.set_num_threads(job.threads)
    return runner.run(
        config,
        job.place,
        data_root=job.data_root,
        device=torch.device(job.device),
        progress=progress,
        note=note,
        interval=job.interval,
    )


def _reporter(config: RunConfig, pipe: Connection) -> Callable[[float], None]:
    """A progress function that sends no more than a few messages a second."""
    last = time.monotonic()

    def report(share: float) -> None:
        nonlocal last
        if time.monotonic() - last >= NEWS_INTERVAL:
            last = time.monotonic()
            pipe.send(RunEvent(config, "progress", share=share))

    return report


def _remove_stale_files(place: RunFolder, stem: str) -> None:
    """Remove what a killed process left: half-written files, and the checkpoint of a record that is there.

    Its lock is ours now.
    """
    folders = (place.records, place.weights, place.checkpoints)
    stale = [part for folder in folders for part in folder.glob(f".{stem}*.part")]
    kept = place.checkpoints.glob(f"{stem}*.safetensors")
    stale += [path for path in kept if (place.records / f"{path.stem}.json").exists()]
    for path in stale:
        with suppress(OSError):
            path.unlink()
