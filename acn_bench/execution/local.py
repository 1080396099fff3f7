"""[RunConfig] -> events and records, in worker processes on this machine.

Each worker makes one run at a time, under the run's lock, so several commands with the same `--out` share a
plan; the system frees the lock of a process that dies. A run whose worker dies is repeated once, from its
checkpoint; after a second death it has failed. A worker has a process for each of the run's, and is dead once one
of them is.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from acn_bench import interruption
from acn_bench.config import RunConfig
from acn_bench.execution import main_guard, preemption, worker
from acn_bench.execution.job import END, Job, Placement, RunEvent
from acn_bench.execution.run_queue import RunQueue
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
    number: int
    config: RunConfig | None = None  # of the run that it has now
    died: bool = False
    others: Sequence[SpawnProcess] = ()  # of a run in several processes, all but the first
    store: object = None  # by which they find each other; it lives as long as the worker

    @property
    def processes(self) -> list[SpawnProcess]:
        """All of them, the first at the head."""
        return [self.process, *self.others]


@dataclass(frozen=True)
class LocalExecutor:
    """Makes at most `workers` runs at a time, each in `job.world_size` processes, on the devices in turn."""

    workers: int

    def execute(self, configs: Sequence[RunConfig], job: Job) -> Generator[RunEvent]:
        """Run every config; yield its events as they come. See `executor.Executor`."""
        main_guard.end_worker()
        queue = RunQueue(configs, job.patience)
        deaths: dict[str, str] = {}  # run_id -> how its process ended
        workers: list[_Worker] = []
        try:
            count = min(self.workers, len(configs))
            workers += (_start(job, k) for k in range(count))
            while queue or any(w.config for w in workers):
                for k, answer in _round(workers, queue):
                    _replace_dead(workers, job)
                    if isinstance(answer, _Death):
                        answer = _after_death(answer, deaths)
                    event = _queued(answer, k, queue)
                    if event is not None:
                        yield _with_death(event, deaths)
        finally:
            interruption.allow(job.stop_seconds)
            _request_stop(workers, job.grace)
            with interruption.defer(*interruption.STOPPING):  # a second Ctrl-C leaves no worker
                _stop(workers, job.stop_seconds)


def placement(job: Job, k: int, rank: int = 0) -> Placement:
    """Of a process of worker k: the job's devices in turn."""
    device = job.devices[(k * job.world_size + rank) % len(job.devices)]
    return Placement(device, rank, job.world_size)


def _queued(answer: RunEvent | Busy | _Death, worker: int, queue: RunQueue) -> RunEvent | None:
    """The event of an answer; None for a run that is tried again."""
    if isinstance(answer, RunEvent):
        if answer.state in ("done", "failed"):
            queue.ended()
        return answer
    if isinstance(answer, _Death):
        queue.repeat(answer.config)
        return None
    return RunEvent(answer.config, "left") if queue.is_left(answer.config, worker) else None


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


def _round(
    workers: Sequence[_Worker], queue: RunQueue
) -> list[tuple[int, RunEvent | Busy | _Death]]:
    """Give every idle worker a run; then wait for one answer or more, each with its worker's number."""
    for k, w in enumerate(workers):
        if w.config is None and (config := queue.next(k)):
            w.config = config
            with suppress(OSError):  # it died while it was idle: receiving will notice
                w.pipe.send(w.config)
    busy = [(k, w) for k, w in enumerate(workers) if w.config]
    pipes: list[Connection | int] = [w.pipe for _, w in busy]
    ready = wait([*pipes, *(p.sentinel for _, w in busy for p in w.others)])
    return [(k, _receive(w)) for k, w in busy if w.pipe in ready or _has_lost_one(w)]


def _start(job: Job, number: int) -> _Worker:
    context = multiprocessing.get_context("spawn")
    pipe, worker_pipe = context.Pipe()
    store, port = None, 0
    if job.world_size > 1:
        from acn_bench.execution import channel  # torch

        store = channel.serve_store()
        port = store.port
    places = [placement(job, number, rank) for rank in range(job.world_size)]
    first, *others = places
    processes = [
        context.Process(target=worker.serve, args=(worker_pipe, job, first, port), daemon=True),
        *(context.Process(target=worker.follow, args=(job, p, port), daemon=True) for p in others),
    ]
    variables = ENVIRONMENT | {"OMP_NUM_THREADS": str(job.threads)}
    resource_tracker.ensure_running()  # its own start would let Ctrl-C through
    with (
        environment(variables),
        # the parent decides for its workers, and a request to stop waits until they can hear it
        interruption.defer(signal.SIGINT, signal.SIGUSR1),
    ):
        for process in processes:
            process.start()
    worker_pipe.close()
    return _Worker(processes[0], pipe, number, others=processes[1:], store=store)


def _request_stop(workers: Sequence[_Worker], grace: float) -> None:
    """Let workers that make a run save its state, and end; for `grace` seconds at most."""
    deadline = time.monotonic() + grace
    busy = [w for w in workers if w.config] if grace else []
    for w in busy:
        if w.process.pid:
            with suppress(ProcessLookupError):
                preemption.request(w.process.pid)
    while busy and (left := deadline - time.monotonic()) > 0:
        ready = wait([w.pipe for w in busy], timeout=left)
        for w in busy:
            if w.pipe in ready:  # a worker whose events nobody reads waits
                _receive(w)
        busy = [w for w in busy if w.config]


def _stop(workers: Sequence[_Worker], seconds: float) -> None:
    """End the workers. One that has not ended after `seconds`, or at a second signal, is killed."""
    processes = [process for w in workers for process in w.processes]
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + seconds
    for process in processes:
        while process.is_alive() and time.monotonic() < deadline and not _impatient():
            process.join(min(0.1, seconds))
        if process.is_alive():  # a library may have caught the exit; killing loses nothing
            process.kill()
            process.join()


def _impatient() -> bool:
    """Whether a signal came that is deferred."""
    return not signal.sigpending().isdisjoint(interruption.STOPPING)


def _replace_dead(workers: list[_Worker], job: Job) -> None:
    for k, w in enumerate(workers):
        if w.died:
            for process in w.processes:
                process.kill()  # its pipe is closed, so it is ending anyway; the others would wait for it
                process.join()
            workers[k] = _start(job, w.number)


def _has_lost_one(w: _Worker) -> bool:
    """Whether one of the processes of a run has ended, beside the first."""
    return any(process.exitcode is not None for process in w.others)


def _receive(w: _Worker) -> RunEvent | Busy | _Death:
    """The next answer of a worker; after the end of its run it is idle again."""
    assert w.config is not None
    answer: RunEvent | Busy | _Death
    try:
        if _has_lost_one(w) and not w.pipe.poll():
            raise EOFError
        answer = w.pipe.recv()
    except (EOFError, OSError):
        answer = _death(w, w.config)
    if not isinstance(answer, RunEvent) or answer.state in END:
        w.config = None
        # a run that failed in one process may have left another in the middle of it
        w.died |= bool(w.others) and isinstance(answer, RunEvent) and answer.state == "failed"
    return answer


def _death(w: _Worker, config: RunConfig) -> _Death:
    """How the first process of a worker ended that has ended. Raises ValueError for a script without a guard."""
    w.died = True
    lost = next((p for p in w.others if p.exitcode is not None), w.process)
    lost.join(timeout=5)
    code = lost.exitcode
    if code == main_guard.EXIT_CODE:
        raise ValueError(main_guard.MESSAGE) from None
    how = f"was killed by signal {-code}" if code and code < 0 else f"ended with {code}"
    return _Death(
        config, f"its process {how}" if lost is w.process else f"one of its processes {how}"
    )


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
