"""A plan and a number of workers -> what it takes: hours, bytes and files, by arithmetic from measured seconds."""

from collections.abc import Iterator
from dataclasses import dataclass

from acn_bench.config import RunConfig
from acn_bench.execution import estimate, memory
from acn_bench.execution.measured import alike, measured
from acn_bench.execution.session import Session
from acn_bench.spec import Backbone
from acn_bench.wording import duration, plural

WEIGHT = 4  # bytes, in fp32
OWN_FILES = 6  # of a folder: card, plan, log of workers, script, and two of the report
OF_A_RUN = {"flock": 4, "lease": 5}  # record, outcomes, weights, lock; with a lease, its folder


@dataclass(frozen=True)
class Forecast:
    """What the runs of a plan that have no record take."""

    runs: int
    measured: int  # runs whose seconds are those of records with other seeds
    timed: (
        bool  # whether this machine has the device that the workers have, to time the others on it
    )
    seconds: float  # of all runs, one after the other
    longest: float  # seconds of one run
    slots: int  # runs at a time, of all workers
    devices: int  # of each run: cores, or GPUs
    on_gpu: bool
    weights: int  # bytes
    files: int

    @property
    def clock(self) -> float:
        """Seconds until the last worker ends, if all start at once."""
        return max(self.longest, self.seconds / self.slots) + estimate.START

    def lines(self) -> Iterator[tuple[str, str]]:
        """(title, text) for the terminal."""
        timed = "by steps timed on this machine"
        how = (
            f"of {self.measured} by records here, of the others {timed}" if self.measured else timed
        )
        how = "by records here" if self.measured == self.runs else how
        what = "GPU-hours" if self.on_gpu else "core-hours"
        if not self.timed and self.measured < self.runs:
            yield "runs", f"{self.runs} to do"
            yield (
                what,
                "not known: no GPU here to time steps on. Make one run of each arm on a GPU with this --out first",
            )
        else:
            yield "runs", f"{self.runs} to do; seconds {how}"
            yield what, f"{self.seconds * self.devices / 3600:,.2f}"
            at = f"{plural(self.slots, 'run')} at a time"
            yield "clock", f"about {duration(self.clock)}, {at}, after the queue"
        yield (
            "disk",
            f"{self.weights / 1e6:,.1f} MB of weights, and their records; {self.files:,} files",
        )


def forecast(session: Session, workers: int, jobs: int, gpus: bool) -> Forecast:
    """What the plan takes with `workers` that make `jobs` runs at a time each. `gpus`: whether they ask for GPUs."""
    gpu_here = session.device.type == "cuda"
    left = [
        (config, seconds * (1 - share))
        for config, seconds, share in zip(
            session.configs, session.seconds, session.shares, strict=True
        )
        if not session.finished(config)
    ]
    known = measured(session.folder.records)
    times = [
        known[key].seconds if (key := alike(config)) in known else seconds
        for config, seconds in left
    ]
    slots = min(workers * jobs, len(left)) or 1
    return Forecast(
        runs=len(left),
        measured=sum(alike(config) in known for config, _ in left),
        timed=gpu_here or not gpus,
        seconds=sum(times),
        longest=max(times, default=0.0),
        slots=slots,
        devices=session.job.world_size,
        on_gpu=gpus or gpu_here,
        weights=sum(WEIGHT * _parameters(config, session) for config, _ in left),
        files=len(left) * OF_A_RUN[session.job.lock] + OWN_FILES + workers,
    )


def _parameters(config: RunConfig, session: Session) -> int:
    """The weights of a run's network; 0 for a network of the user's own, whose size is not known."""
    if not isinstance(config.backbone, Backbone):
        return 0
    return memory.parameters(config, estimate.cost_of(config, session.data).classes)
