"""[RunConfig] -> events and records, on a Ray cluster whose nodes share the folder: one task a run.

Ray repeats a task whose process or node dies, and the run resumes from its checkpoint. Progress is read from the
heartbeats in the folder, so that no process but the driver's own has to live until the end.
"""

import logging
import signal
import socket
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from acn_bench import records
from acn_bench.config import RunConfig
from acn_bench.execution import status, worker
from acn_bench.execution.job import Job, Placement, RunEvent
from acn_bench.execution.local import ENVIRONMENT
from acn_bench.execution.worker import Busy
from acn_bench.run_folder import RunFolder

RETRIES = 3  # of a run: nodes of a cluster are lost more often than processes
POLL = 2.0  # seconds between two looks at the heartbeats


@dataclass(frozen=True)
class RayExecutor:
    """Runs configs as tasks of the cluster at `address`; "auto" is the one that this machine belongs to."""

    address: str

    def execute(self, configs: Sequence[RunConfig], job: Job) -> Generator[RunEvent]:
        """Run every config; yield its events as they come. See `executor.Executor`."""
        ray = connected(self.address)
        job = _for_all_nodes(job)
        gpus = 1 if job.devices[0].startswith("cuda") else 0
        task = ray.remote(num_cpus=job.threads, num_gpus=gpus, max_retries=RETRIES)(_attempt)
        pending = {task.remote(config, job): config for config in configs}
        started: set[str] = set()  # the run_ids of those that were seen
        try:
            while pending:
                ready, _ = ray.wait(list(pending), timeout=POLL)
                yield from _progress(pending.values(), job, started)
                for one in ready:
                    config = pending.pop(one)
                    answer = _answer(ray, one, config)
                    if isinstance(answer, Busy):
                        pending[task.remote(config, job)] = config
                        continue
                    if answer.state == "done" and config.run_id not in started:  # it was quick
                        yield RunEvent(config, "started")
                    yield answer
        finally:
            for one in pending:
                ray.cancel(one, force=True)
            ray.shutdown()


def connected(address: str) -> Any:
    """Ray, connected to its cluster. Raises ValueError where there is none, LookupError without the library."""
    try:
        import ray
    except ImportError as e:
        raise LookupError("--executor ray needs Ray: pip install 'acn_bench[ray]'") from e
    stop = signal.getsignal(signal.SIGTERM)
    try:
        _check_answer(address)
        ray.init(
            address,
            log_to_driver=False,
            logging_level=logging.WARNING,
            runtime_env={"env_vars": ENVIRONMENT},
        )
    except (OSError, ValueError, RuntimeError) as e:
        raise ValueError(f"--address {address}: no Ray cluster answers there: {e}") from e
    finally:
        signal.signal(signal.SIGTERM, stop)  # Ray takes it
    return ray


def _check_answer(address: str) -> None:
    """Raise OSError where nobody listens at host:port: Ray itself would wait for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


def _for_all_nodes(job: Job) -> Job:
    """The job with absolute paths: a task starts in a folder of its own."""
    root = job.data_root.absolute() if job.data_root else None
    return replace(job, folder=RunFolder(job.folder.folder.absolute()), data_root=root)


def _attempt(config: RunConfig, job: Job) -> RunEvent | Busy:
    """The task: in a process of its own, which sees the GPU that Ray gives it as the first."""
    device = "cuda:0" if job.devices[0].startswith("cuda") else job.devices[0]
    return worker.attempt(config, job, Placement(device), lambda _: None)


def _answer(ray: Any, task: Any, config: RunConfig) -> RunEvent | Busy:
    """The outcome of a task that has ended; a failure where Ray gave it up."""
    try:
        answer: RunEvent | Busy = ray.get(task)
    except ray.exceptions.RayError as e:
        reason = str(e).strip().partition("\n")[0]
        return RunEvent(
            config, "failed", message=f"its task was lost {RETRIES + 1} times: {reason}"
        )
    return answer


def _progress(configs: Iterable[RunConfig], job: Job, started: set[str]) -> Iterator[RunEvent]:
    """What the heartbeats of unfinished runs say; adds to `started` those that are seen first."""
    running = status.heartbeats(job.folder)
    for config in configs:
        stem = records.stem(config.run_id, job.codes[config.run_id])
        if stem not in running:
            continue
        if config.run_id not in started:
            started.add(config.run_id)
            yield RunEvent(config, "started")
        yield RunEvent(config, "progress", share=running[stem].activity.share)
