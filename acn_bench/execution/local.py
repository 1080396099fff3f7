"""[RunConfig] -> events and records, in worker processes on this machine.

Each worker makes one run at a time, under the run's lock, so several commands with the same `--out` share a
plan; the system frees the lock of a process that dies. A run whose worker dies is repeated once, from its
checkpoint; after a second death it has failed.
"""

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from acn_bench import interruption
from acn_bench.config import RunConfig
from acn_bench.execution import main_guard, worker
from acn_bench.execution.job import END, Job, Placement, RunEvent
from acn_bench.execution.worker import Busy

# One process per core, one thread each: two threads beside another busy process make tiny models up to
# 100× slower. Waiting threads sleep. Freed memory stays with the process, in huge pages: returning it
# and faulting it in again costs a third of a step.
ENVIRONMENT = {
    "OMP_WAIT_POLICY": "PASSIVE",
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}


@dataclass(frozen=True)
class _Death:
    """The worker process that had the run ended before the run did."""

    config: RunConfig
    message: str


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection
    placement: Placement
    config: RunConfig | None = None  # of the run that it has now
    died: bool = False


@dataclass(frozen=True)
class LocalExecutor:
    """Runs configs in at most `workers` processes at a time; worker k uses device k mod their number."""

    workers: int

    def execute(self, configs: Sequence[RunConfig], job: Job) -> Generator[RunEvent]:
        """Run every config; yield its events as they come. See `executor.Executor`."""
        main_guard.end_worker()
        assert job.world_size == 1  # `prepare` refuses more: no kind's runs span processes yet
        waiting = deque(configs)
        deaths: dict[str, str] = {}  # run_id -> how its process ended
        workers: list[_Worker] = []
        try:
            count = min(self.workers, len(configs))
            workers += (_start(job, placement(job, k)) for k in range(count))
            while waiting or any(w.config for w in workers):
                for answer in _round(workers, waiting):
                    if isinstance(answer, _Death):
                        _replace_dead(workers, job)
                        answer = _after_death(answer, deaths)
                    if isinstance(answer, RunEvent):
                        yield _with_death(answer, deaths)
                    else:
                        waiting.append(answer.config)
        finally:
            interruption.allow(job.stop_seconds)
            with interruption.defer(*interruption.STOPPING):  # a second Ctrl-C leaves no worker
                _stop(workers, job.stop_seconds)


def placement(job: Job, k: int) -> Placement:
    """Of worker k: the job's devices in turn."""
    return Placement(job.devices[k % len(job.devices)])


def _after_death(death: _Death, deaths: dict[str, str]) -> _Death | RunEvent:
    """The death of a run's first process, which repeats the run; its end at the second."""
    if death.config.run_id in deaths:
        return RunEvent(death.config, "failed", message=f"{death.message}, twice")
    deaths[death.config.run_id] = death.message
    return death


def _with_death(event: RunEvent, deaths: dict[str, str]) -> RunEvent:
    """A finished run whose first process died mentions it."""
    death = deaths.get(event.config.run_id)
    if event.state != "done" or death is None:
        return event
    return replace(event, message="; ".join(filter(None, [f"{death}, once", event.message])))


def _round(workers: Sequence[_Worker], waiting: deque[RunConfig]) -> list[RunEvent | Busy | _Death]:
    """Give every idle worker a run; then wait for one answer or more."""
    for w in workers:
        if w.config is None and waiting:
            w.config = waiting.popleft()
            with suppress(OSError):  # it died while it was idle: receiving will notice
                w.pipe.send(w.config)
    busy = [w for w in workers if w.config]
    ready = wait([w.pipe for w in busy])
    return [_receive(w) for w in busy if w.pipe in ready]


def _start(job: Job, placement: Placement) -> _Worker:
    context = multiprocessing.get_context("spawn")
    pipe, worker_pipe = context.Pipe()
    process = context.Process(target=worker.serve, args=(worker_pipe, job, placement), daemon=True)
    variables = ENVIRONMENT | {"OMP_NUM_THREADS": str(job.threads)}
    resource_tracker.ensure_running()  # its own start would let Ctrl-C through
    with (
        environment(variables),
        interruption.defer(signal.SIGINT),
    ):  # the parent decides for its workers
        process.start()
    worker_pipe.close()
    return _Worker(process, pipe, placement)


def _stop(workers: Sequence[_Worker], seconds: float) -> None:
    """End the workers. One that has not ended after `seconds`, or at a second signal, is killed."""
    for w in workers:
        w.process.terminate()
    deadline = time.monotonic() + seconds
    for w in workers:
        while w.process.is_alive() and time.monotonic() < deadline and not _impatient():
            w.process.join(min(0.1, seconds))
        if w.process.is_alive():  # a library may have caught the exit; killing loses nothing
            w.process.kill()
            w.process.join()


def _impatient() -> bool:
    """Whether a signal came that is deferred."""
    return not signal.sigpending().isdisjoint(interruption.STOPPING)


def _replace_dead(workers: list[_Worker], job: Job) -> None:
    for k, w in enumerate(workers):
        if w.died:
            w.process.kill()  # its pipe is closed, so it is ending anyway
            w.process.join()
            workers[k] = _start(job, w.placement)


def _receive(w: _Worker) -> RunEvent | Busy | _Death:
    """The next answer of a worker; after the end of its run it is idle again."""
    assert w.config is not None
    answer: RunEvent | Busy | _Death
    try:
        answer = w.pipe.recv()
    except (EOFError, OSError):
        w.died = True
        w.process.join(timeout=5)
        code = w.process.exitcode
        if code == main_guard.EXIT_CODE:
            raise ValueError(main_guard.MESSAGE) from None
        how = f"was killed by signal {-code}" if code and code < 0 else f"ended with {code}"
        answer = _Death(w.config, f"its process {how}")
    if not isinstance(answer, RunEvent) or answer.state in END:
        w.config = None
    return answer


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Environment variables for processes that are started inside; those that the user set stay."""
    before = dict(os.environ)
    os.environ.update({k: v for k, v in values.items() if k not in before or k.startswith("OMP")})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
