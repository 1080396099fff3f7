"""Processes that torchrun or `accelerate launch` started -> the runs of a plan, one after another, in all of them.

The first process leads: it plans, takes a run's lock, tells the others the run, makes it with them, and writes its
record. The others follow: they print nothing and write nothing.
"""

import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import msgspec
import torch
import torch.distributed as dist
from torch.distributed import distributed_c10d as c10d

from acn_bench import interruption
from acn_bench.config import RunConfig
from acn_bench.errors import sentence
from acn_bench.execution import worker
from acn_bench.execution.job import Job, Placement, RunEvent
from acn_bench.execution.worker import Busy
from acn_bench.launch import Launch
from acn_bench.record import Record, decode_config
from acn_bench.run_folder import RunFolder
from acn_bench.training.distributed import backend
from acn_bench.training.stopping import Stop

POLL = 0.05  # seconds between two looks for a message; a longer wait would keep signals out
PATIENCE = 60.0  # seconds that the others get to end a run that failed in one process
END = b"end"


class OutOfStepError(RuntimeError):
    """A process did not end a run that failed in another: it may wait for it in a collective operation."""


class Channel:
    """Messages between the launched processes, by the launcher's own store."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.store = next(iter(c10d.rendezvous("env://", launch.rank, launch.world_size)))[0]
        self.number = 0  # of the run

    def announce(self, message: bytes) -> None:
        """Tell the others the next run, or the end."""
        self.number += 1
        self.store.set(f"run/{self.number}", message)

    def next(self) -> bytes:
        """Wait for the next message of the first process."""
        self.number += 1
        self._wait([f"run/{self.number}"], None)
        message: bytes = self.store.get(f"run/{self.number}")
        return message

    def settle(self, failed: bool) -> None:
        """Wait until the run has ended in all processes. Raises OutOfStepError."""
        keys = [f"end/{self.number}/{rank}" for rank in range(self.launch.world_size)]
        self.store.set(keys[self.launch.rank], b"")
        if not self._wait(keys, PATIENCE if failed else None):
            raise OutOfStepError("a process did not end the run")

    def _wait(self, keys: list[str], seconds: float | None) -> bool:
        began = time.monotonic()
        while not self.store.check(keys):
            if seconds is not None and time.monotonic() - began > seconds:
                return False
            time.sleep(POLL)
        return True

    def join(self, device: torch.device) -> None:
        """Make torch's process group, once."""
        if not dist.is_initialized():
            if device.type == "cuda":
                torch.cuda.set_device(device)
            dist.init_process_group(
                backend(device),
                store=c10d.PrefixStore("group", self.store),
                rank=self.launch.rank,
                world_size=self.launch.world_size,
                timeout=timedelta(minutes=30),
            )


def placement(launch: Launch, device: torch.device) -> Placement:
    """Where this process computes: each on a GPU of its own."""
    name = f"cuda:{launch.local_rank}" if device.type == "cuda" else device.type
    return Placement(name, launch.rank, launch.world_size)


# ---------------------------------------------------------------- the first process


@contextmanager
def leading(launch: Launch) -> Iterator[Channel]:
    """The first process's channel; at the end of the block the others end."""
    channel = Channel(launch)
    try:
        yield channel
    finally:
        channel.announce(END)
        if dist.is_initialized():
            dist.destroy_process_group()


@dataclass(frozen=True)
class LaunchedExecutor:
    """Makes each run in all launched processes; a thread of the first one computes, while the caller takes events."""

    channel: Channel
    device: torch.device

    def execute(self, configs: Sequence[RunConfig], job: Job) -> Generator[RunEvent]:
        """Run every config; yield its events as they come. See `executor.Executor`.

        A process that dies ends the command: its launcher stops the others.
        """
        events: SimpleQueue[RunEvent | BaseException | None] = SimpleQueue()
        stop = Stop()
        thread = Thread(target=self._lead, args=(configs, job, events.put, stop), daemon=True)
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
        stop: Stop,
    ) -> None:
        """Make the runs; put their events, and last None or what ends the command."""
        here, waiting = placement(self.channel.launch, self.device), deque(configs)
        end: BaseException | None = None
        try:
            self.channel.join(torch.device(here.device))
            while waiting:
                answer = worker.attempt(waiting.popleft(), job, here, put, stop, self._together)
                if isinstance(answer, Busy):
                    waiting.append(answer.config)
                else:
                    put(answer)
        except BaseException as e:  # SystemExit(143) among them
            end = e
        put(end)

    def _together(self, config: RunConfig, job: Job, *others: Any) -> Record | None:
        """Tell the others the run, and make it with them."""
        order = _Order(
            config=msgspec.Raw(msgspec.json.encode(config)),
            folder=str(job.folder.folder),
            code=job.codes[config.run_id],
            data_root=None if job.data_root is None else str(job.data_root),
            threads=job.threads,
            interval=job.interval,
        )
        self.channel.announce(msgspec.json.encode(order))
        with _settled(self.channel):
            return worker.run(config, job, *others)


# ---------------------------------------------------------------- the others


class _Order(msgspec.Struct, frozen=True):
    """What another process needs to take part in a run."""

    config: msgspec.Raw
    folder: str
    code: str
    data_root: str | None
    threads: int
    interval: float


def follow(launch: Launch, device: torch.device) -> None:
    """Take part in the first process's runs until it ends. Main thread only.

    Raises SystemExit(143) after SIGTERM, OutOfStepError where a run failed here and not in the others.
    """
    channel, here, stop = Channel(launch), placement(launch, device), Stop()
    with stop.on(signal.SIGTERM):
        while (message := channel.next()) != END:
            order = msgspec.json.decode(message, type=_Order)
            config = decode_config(order.config)
            job = Job(
                folder=RunFolder(Path(order.folder)),
                codes={config.run_id: order.code},
                data_root=None if order.data_root is None else Path(order.data_root),
                devices=(here.device,),
                threads=order.threads,
                again=False,
                interval=order.interval,
                world_size=launch.world_size,
            )
            channel.join(torch.device(here.device))
            with suppress(_FailedTogetherError), _settled(channel):
                worker.run(config, job, here, lambda _: None, lambda _: None, stop)
    if dist.is_initialized():
        dist.destroy_process_group()


class _FailedTogetherError(Exception):
    """A run that failed in all processes: the first one reports why."""


@contextmanager
def _settled(channel: Channel) -> Iterator[None]:
    """At the end of the block, wait for the same end in the other processes; a failure is raised again."""
    try:
        yield
    except Exception as e:
        try:
            channel.settle(failed=True)
        except OutOfStepError:
            raise SystemExit(f"process {channel.launch.rank} of the run: {sentence(e)}") from e
        if channel.launch.rank:
            raise _FailedTogetherError from e
        raise
    channel.settle(failed=False)
