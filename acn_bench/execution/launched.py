"""Processes that torchrun or `accelerate launch` started -> the runs of a plan, one after another, in all of them.

The first process leads: it plans, takes a run's lock, tells the others the run, makes it with them, and writes its
record. The others follow: they print nothing and write nothing.
"""

import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread

import torch
import torch.distributed as dist

from acn_bench import interruption
from acn_bench.config import RunConfig
from acn_bench.device import resolve
from acn_bench.execution import together, worker
from acn_bench.execution.channel import Channel
from acn_bench.execution.job import Job, Placement, RunEvent
from acn_bench.execution.preemption import StopRequest
from acn_bench.execution.together import Leader
from acn_bench.execution.worker import Busy
from acn_bench.launch import Launch
from acn_bench.training.stopping import Stop


def placement(launch: Launch, device: torch.device) -> Placement:
    """Where this process computes: each on a GPU of its own."""
    name = f"cuda:{launch.local_rank}" if device.type == "cuda" else device.type
    return Placement(name, launch.rank, launch.world_size)


# ---------------------------------------------------------------- the first process


@dataclass(frozen=True)
class Lead:
    """The first process's place among the launched, and its channel to the others."""

    launch: Launch
    channel: Channel


@contextmanager
def leading(launch: Launch) -> Iterator[Lead]:
    """The first process's channel; at the end of the block the others end."""
    channel = Channel.of_launcher(launch)
    try:
        yield Lead(launch, channel)
    except Exception:
        channel.end()
        raise
    channel.end()
    if dist.is_initialized():  # after an error a process may still be in a collective operation
        dist.destroy_process_group()


@dataclass(frozen=True)
class LaunchedExecutor:
    """Makes each run in all launched processes; a thread of the first one computes, while the caller takes events."""

    channel: Channel
    here: Placement

    def execute(self, configs: Sequence[RunConfig], job: Job) -> Generator[RunEvent]:
        """Run every config; yield its events as they come. See `executor.Executor`.

        A process that dies ends the command: its launcher stops the others.
        """
        events: SimpleQueue[RunEvent | BaseException | None] = SimpleQueue()
        request = StopRequest()
        stop = request.training
        thread = Thread(target=self._lead, args=(configs, job, events.put, request), daemon=True)
        with stop.on(signal.SIGTERM):
            thread.start()
            try:
                while (event := events.get()) is not None:
                    if isinstance(event, BaseException):
                        raise event
                    yield event
            finally:
                stop.requested = True
                if stop.heeded:
                    interruption.allow(job.stop_seconds)
                    thread.join(job.stop_seconds)

    def _lead(
        self,
        configs: Sequence[RunConfig],
        job: Job,
        put: Callable[[RunEvent | BaseException | None], None],
        request: StopRequest,
    ) -> None:
        """Make the runs; put their events, and last None or what ends the command."""
        waiting, locks = deque(configs), job.locks()
        make = Leader(self.channel).run
        end: BaseException | None = None
        try:
            while waiting:
                config = waiting.popleft()
                answer = worker.attempt(config, job, self.here, put, locks, request, make)
                if isinstance(answer, Busy):
                    waiting.append(answer.config)
                else:
                    put(answer)
        except BaseException as e:  # SystemExit(143) among them
            end = e
        put(end)


def follow(launch: Launch, device: str) -> None:
    """Take part in the first process's runs, on a device of that name, until it ends. Main thread only.

    Raises SystemExit: 143 after SIGTERM, a sentence where a run failed here and not in the others.
    """
    stop = Stop()
    with stop.on(signal.SIGTERM):
        together.follow(
            Channel.of_launcher(launch), lambda: placement(launch, resolve(device)), stop
        )
    if dist.is_initialized():
        dist.destroy_process_group()
