"""A plan, data and a device -> a `Session`: the configs, how long they take, and the job for an executor."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch

from acn_bench import device, records, user_functions
from acn_bench.catalog import BenchmarkCard
from acn_bench.config import RunConfig
from acn_bench.cores import cores
from acn_bench.data import loading
from acn_bench.data.data_set import DataSet, joint_fingerprint
from acn_bench.errors import MissingData
from acn_bench.execution import code_hash, estimate, main_guard, memory, runner, trial
from acn_bench.execution.executor import Executor
from acn_bench.execution.job import Job
from acn_bench.execution.launched import Channel, LaunchedExecutor
from acn_bench.execution.local import LocalExecutor
from acn_bench.execution.plan_table import PlanTable
from acn_bench.plan import UnresolvedPlan
from acn_bench.record import Record
from acn_bench.registry import DATA, KINDS
from acn_bench.run_folder import RunFolder
from acn_bench.spec import Benchmark
from acn_bench.training import trackers

Data = Sequence[DataSet]  # in the protocol's order
Names = tuple[
    tuple[str, ...], tuple[str, ...]
]  # of the data sets and the official files of a protocol


@dataclass(frozen=True)
class Options:
    """Where and how a plan runs. No figure depends on these, except through the device's precision."""

    out: Path
    data_root: Path | None
    device: str  # auto, cpu or cuda
    jobs: int  # runs at a time; 0: one per core, or per GPU
    again: bool
    world_size: int = 1  # processes of each run
    trackers: tuple[str, ...] = ()  # that trainings are logged to
    channel: Channel | None = None  # to the other processes, where a launcher started several


@dataclass(frozen=True)
class Session:
    """A resolved plan with its data, its device and its folder."""

    card: BenchmarkCard
    card_source: Path
    configs: list[RunConfig]
    seconds: list[float]  # estimate for each config, in one worker
    data: Data  # of all runs
    device: torch.device
    job: Job
    jobs: int  # runs at a time
    executor: Executor
    shares: list[float]  # of each run, done in its checkpoint
    table: PlanTable
    excluded: tuple[str, ...]  # strategies that cannot serve the scenario, and why

    @property
    def folder(self) -> RunFolder:
        """Where the benchmark's files lie."""
        return self.job.folder

    def data_of(self, config: RunConfig) -> Data:
        """The data of a run, in its protocol's order."""
        known = {one.name: one for one in self.data}
        spec = config.benchmark
        return [known[name] for name in (*spec.datasets, *spec.official_files)]

    def record(self, config: RunConfig) -> Record | None:
        """The newest record of a run by the present code. Raises ValueError for a damaged one."""
        try:
            return records.newest(self.folder.records, config.run_id, self.job.codes[config.run_id])
        except ValueError as e:
            raise ValueError(f"{e}. Remove the file to make its run again") from e

    def finished(self, config: RunConfig) -> bool:
        """Whether the run need not be made."""
        return not self.job.again and self.record(config) is not None


def prepare(
    card: BenchmarkCard,
    card_source: Path,
    plan: UnresolvedPlan,
    options: Options,
    note: Callable[[str], None] = lambda _: None,
) -> Session:
    """Resolve data, device and precision, and time a few training steps. `note` takes sentences for the user.

    Raises ValueError and LookupError with what the user can change.
    """
    main_guard.end_worker()
    trackers.check(options.trackers)
    sources = {name: user_functions.source(name, role) for name, role in plan.functions.items()}
    chip = device.resolve(options.device)
    precision = {r.precision: device.resolve_precision(r.precision, chip) for r in plan.runs}
    loaded = _load_all(plan, options.data_root)
    facts = {names: (joint_fingerprint(d), d[0].image_shape) for names, d in loaded.items()}
    configs = plan.resolve_each(lambda spec: facts[_names(spec)], precision, sources)
    groups = [
        ([c for c in configs if _names(c.benchmark) == names], data)
        for names, data in loaded.items()
    ]
    for some, data in groups:
        _check(some, data, options.world_size)
        memory.check(some, data, chip)
        trial.try_own(some, data, chip, note)
    devices = device.by_index(chip)
    jobs = options.jobs or min(_default_jobs(some, data, devices) for some, data in groups)
    jobs = min(jobs, len(configs))
    executor: Executor = LocalExecutor(jobs)
    processes = 1  # on this machine
    if options.channel is not None:
        executor, jobs = LaunchedExecutor(options.channel, chip), 1
        processes = options.channel.launch.local_world_size
    threads = max(1, cores() // (jobs * processes))
    torch.set_num_threads(threads)
    job = Job(
        folder=RunFolder(options.out / card.name),
        codes={c.run_id: code_hash.code(c) for c in configs},
        data_root=options.data_root,
        devices=devices,
        threads=threads,
        again=options.again,
        world_size=options.world_size,
        stop_seconds=max(KINDS.load(c.benchmark.kind).stop_seconds for c in configs),
        trackers=options.trackers,
    )
    return Session(
        card=card,
        card_source=card_source,
        configs=configs,
        seconds=_seconds(configs, groups, chip, note),
        data=list({one.name: one for data in loaded.values() for one in data}.values()),
        device=chip,
        job=job,
        jobs=jobs,
        executor=executor,
        shares=[_share(config, job, chip) for config in configs],
        table=PlanTable(configs),
        excluded=plan.excluded,
    )


def _names(spec: Benchmark) -> Names:
    return spec.datasets, spec.official_files


def _load_all(plan: UnresolvedPlan, root: Path | None) -> dict[Names, Data]:
    """Load the data of each run; runs of other tasks have other data."""
    return {names: _load(spec, root) for names, spec in plan.by_data.items()}


def _load(spec: Benchmark, root: Path | None) -> Data:
    """Load the data. If a set is missing, the error names the embedded substitute."""
    try:
        return loading.load_all(spec, root)
    except MissingData as e:
        if spec.official_files:  # the substitute has none
            raise LookupError(f"{e}, in a benchmark that reads no official files") from e
        raise MissingData(str(e), DATA.load(spec.datasets[0]).embedded) from e


def _seconds(
    configs: list[RunConfig],
    groups: Sequence[tuple[list[RunConfig], Data]],
    chip: torch.device,
    note: Callable[[str], None],
) -> list[float]:
    """An estimate for each config, in order; groups share the time of timing."""
    known: dict[str, float] = {}
    for some, data in groups:
        made = estimate.seconds(some, data, chip, note, estimate.BUDGET / len(groups))
        known |= zip((c.run_id for c in some), made, strict=True)
    return [known[config.run_id] for config in configs]


def _check(configs: list[RunConfig], data: Data, world_size: int) -> None:
    """Raise ValueError now, not in each run: too few classes or rows, too many processes."""
    distinct = {msgspec.json.encode((c.benchmark, c.seeds)): c for c in configs}
    for config in distinct.values():
        kind = KINDS.load(config.benchmark.kind)
        if world_size > 1 and not kind.distributed:
            raise ValueError(
                f"a run of a {kind.name} benchmark uses one process, and cannot use {world_size}"
            )
        kind.planning_module.check(config, data)


def _default_jobs(configs: list[RunConfig], data: Data, devices: tuple[str, ...]) -> int:
    """Runs at a time: one per core, or per GPU; one alone where training ends by the clock."""
    if any(estimate.cost_of(c, data).seconds for c in configs):
        return 1
    return cores() if devices == ("cpu",) else len(devices)


def _share(config: RunConfig, job: Job, chip: torch.device) -> float:
    """The share of an unfinished run that its checkpoint holds; 0 for a finished one."""
    name = f"{records.stem(config.run_id, job.codes[config.run_id])}.json"
    if not job.again and (job.folder.records / name).exists():
        return 0.0
    return runner.checkpoint(config, job.folder, chip).share or 0.0
