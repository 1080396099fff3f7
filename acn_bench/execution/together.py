"""One run in several processes: the first tells the others the run and makes it with them, and the others follow."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch

from acn_bench.benchmarks.run import Progress
from acn_bench.config import RunConfig
from acn_bench.errors import sentence
from acn_bench.execution import worker
from acn_bench.execution.channel import END, Channel, OutOfStepError
from acn_bench.execution.job import Job, Placement
from acn_bench.execution.locks import Claim
from acn_bench.record import Record, decode_config
from acn_bench.run_folder import RunFolder
from acn_bench.training.stopping import Stop

Note = Callable[[str], None]


class _Order(msgspec.Struct, frozen=True):
    """What another process needs to take part in a run."""

    config: msgspec.Raw
    folder: str
    code: str
    data_root: str | None
    threads: int
    interval: float
    token: str  # of the first process's claim to the run


@dataclass(frozen=True)
class Leader:
    """Makes a run as `worker.run` does, with the other processes of the channel."""

    channel: Channel

    def run(
        self,
        config: RunConfig,
        job: Job,
        here: Placement,
        progress: Progress,
        note: Note,
        claim: Claim,
        stop: Stop,
    ) -> Record | None:
        """Tell the others the run, and make it with them."""
        order = _Order(
            config=msgspec.Raw(msgspec.json.encode(config)),
            folder=str(job.folder.folder),
            code=job.codes[config.run_id],
            data_root=None if job.data_root is None else str(job.data_root),
            threads=job.threads,
            interval=job.interval,
            token=claim.token,
        )
        self.channel.announce(msgspec.json.encode(order))
        self.channel.join(torch.device(here.device))
        with _settled(self.channel):
            return worker.run(config, job, here, progress, note, claim, stop)


def follow(
    channel: Channel,
    here: Callable[[], Placement],
    stop: Stop,
    in_run: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> None:
    """Take part in the first process's runs until it ends; `here` is asked once there is a run.

    Raises what `in_run` raises, and SystemExit where a run failed here and not in the others.
    """
    while (message := channel.next()) != END:
        place = here()
        order = msgspec.json.decode(message, type=_Order)
        config = decode_config(order.config)
        job = Job(
            folder=RunFolder(Path(order.folder)),
            codes={config.run_id: order.code},
            data_root=None if order.data_root is None else Path(order.data_root),
            devices=(place.device,),
            threads=order.threads,
            again=False,
            interval=order.interval,
            world_size=place.world_size,
        )
        channel.join(torch.device(place.device))
        with in_run(), suppress(_FailedTogetherError), _settled(channel):
            claim = Claim(order.token)
            worker.run(config, job, place, lambda _: None, lambda _: None, claim, stop)
    channel.leave()


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
            raise SystemExit(f"process {channel.rank} of the run: {sentence(e)}") from e
        if channel.rank:
            raise _FailedTogetherError from e
        raise
    channel.settle(failed=False)
