"""A plan, data and a device -> a `Session`: the configs, how long they take, and the job for an executor."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch

from acn_bench import cores, device, records, user_functions
from acn_bench.catalog import BenchmarkCard
from acn_bench.config import RunConfig
from acn_bench.data import loading
from acn_bench.data.data_set import DataSet, joint_fingerprint
from acn_bench.errors import MissingData, shorten
from acn_bench.execution import code_hash, estimate, locks, main_guard, memory, runner, trial
from acn_bench.execution.executor import Executor
from acn_bench.execution.job import Job
from acn_bench.execution.launched import LaunchedExecutor, Lead
from acn_bench.execution.launched import placement as launched_placement
from acn_bench.execution.lease import DURATION
from acn_bench.execution.local import LocalExecutor
from acn_bench.execution.locks import LockKind
from acn_bench.execution.measured import alike, measured
from acn_bench.execution.plan_table import PlanTable
from acn_bench.execution.ray_executor import RayExecutor
from acn_bench.execution.shards import Shard
from acn_bench.plan import UnresolvedPlan
from acn_bench.record import Record
from acn_bench.registry import DATA, KINDS
from acn_bench.run_folder import RunFolder
from acn_bench.spec import Benchmark
from acn_bench.training import trackers
from acn_bench.training.checkpoints import newest_share

Data = Sequence[DataSet]  # in the protocol's order
Names = tuple[
    tuple[str, ...], tuple[str, ...]
]  # of the data sets and the official files of a protocol

# Seconds after which a share's worker leaves a busy run to whoever makes it. The system frees the lock of a process
# that died; a lease has to expire.
PATIENCE: dict[LockKind, float] = {"flock": 3.0, "lease": 2 * DURATION}


@dataclass(frozen=True)
class Options:
    """Where and how a plan runs. No figure depends on these, except through the device's precision."""

    out: Path
    data_root: Path | None
    device: str  # auto, cpu or cuda
    jobs: int  # runs at a time; 0: one per core, or per GPU
    again: bool
    world_size: int = 1  # processes of each run that a worker starts
    trackers: tuple[str, ...] = ()  # that trainings are logged to
    lead: Lead | None = None  # of the other processes, where a launcher started them
    lock: str = "auto"  # or flock, or lease
    shard: Shard | None = None  # this worker's share of the plan
    executor: str = "local"  # or ray
    address: str = "auto"  # of the Ray cluster
    grace: float = 0.0  # seconds that runs have to save their state when the plan is stopped


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
    lock_reason: str
    shard: Shard | None
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
    _check_executor(options)
    sources = {name: user_functions.source(name, role) for name, role in plan.functions.items()}
    chip = device.resolve(options.device)
    precision = {r.precision: device.resolve_precision(r.precision, chip) for r in plan.runs}
    processes = options.world_size if options.lead is None else options.lead.launch.world_size
    loaded = _load_all(plan, options.data_root)
    facts = {names: (joint_fingerprint(d), d[0].image_shape) for names, d in loaded.items()}
    configs = plan.resolve_each(lambda spec: facts[_names(spec)], precision, sources)
    groups = [
        ([c for c in configs if _names(c.benchmark) == names], data)
        for names, data in loaded.items()
    ]
    for some, data in groups:
        _check(some, data, processes)
        memory.check(some, data, chip)
        trial.try_own(some, data, chip, note)
    devices = device.by_index(chip)
    folder = RunFolder(options.out / card.name)
    _check_processes(processes, devices)
    jobs = options.jobs or min(
        _default_jobs(some, data, devices, folder, processes) for some, data in groups
    )
    executor, jobs = _executor(options, min(jobs, len(configs)), chip)
    threads = _threads(options, jobs)
    torch.set_num_threads(threads)
    lock = locks.choose(folder.locks, options.lock)
    job = Job(
        folder=folder,
        codes={c.run_id: code_hash.code(c) for c in configs},
        data_root=options.data_root,
        devices=devices,
        threads=threads,
        again=options.again,
        world_size=processes,
        stop_seconds=max(KINDS.load(c.benchmark.kind).stop_seconds for c in configs),
        trackers=options.trackers,
        lock=lock.kind,
        patience=PATIENCE[lock.kind] if options.shard else None,
        grace=options.grace,
    )
    return Session(
        card=card,
        card_source=card_source,
        configs=configs,
        seconds=[s / processes for s in _seconds(configs, groups, chip, note)],
        data=list({one.name: one for data in loaded.values() for one in data}.values()),
        device=chip,
        job=job,
        jobs=jobs,
        executor=executor,
        shares=[_share(config, job, chip) for config in configs],
        table=PlanTable(configs),
        lock_reason=lock.reason,
        shard=options.shard,
        excluded=plan.excluded,
    )


def _executor(options: Options, jobs: int, chip: torch.device) -> tuple[Executor, int]:
    """What makes the runs, and how many at a time."""
    if (lead := options.lead) is not None:
        return LaunchedExecutor(lead.channel, launched_placement(lead.launch, chip)), 1
    return RayExecutor(options.address) if options.executor == "ray" else LocalExecutor(jobs), jobs


def _threads(options: Options, jobs: int) -> int:
    """Of each process. Tasks of a Ray cluster take one core each: more of them run at a time."""
    if options.executor == "ray":
        return 1
    lead = options.lead
    processes = options.world_size if lead is None else lead.launch.local_world_size
    return cores.threads(jobs * processes)


def _check_executor(options: Options) -> None:
    """Raise ValueError for an unknown executor, and for what excludes Ray."""
    if options.executor not in ("local", "ray"):
        raise ValueError(f"--executor: unknown {shorten(options.executor)}. Known: local, ray")
    if options.executor == "ray" and options.lead is not None:
        raise ValueError("--executor ray: torchrun has started the processes of the runs already")
    if options.lead is not None and options.world_size > 1:
        raise ValueError("--processes: torchrun has started the processes of the runs already")
    if options.executor == "ray" and options.world_size > 1:
        raise ValueError(
            "--processes: a task of Ray makes its run in one process; take --executor local"
        )
    if options.executor == "ray" and options.shard:
        raise ValueError("--shard: leave it out with --executor ray, which shares the runs itself")


def _check_processes(processes: int, devices: tuple[str, ...]) -> None:
    """Raise ValueError where the processes of a run would share a GPU: NCCL refuses it."""
    if devices[0].startswith("cuda") and processes > len(devices):
        raise ValueError(
            f"--processes {processes}: each process of a run takes a GPU, and there are {len(devices)}"
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
    """Raise ValueError now, not in each run: too few classes or rows, too many processes, another network."""
    trained = {c.run_id: c.backbone for c in configs if c.backbone.trained}
    distinct = {
        msgspec.json.encode((c.benchmark, c.seeds, trained.get(c.run_id))): c for c in configs
    }
    for config in distinct.values():
        kind = KINDS.load(config.benchmark.kind)
        kind.check_processes(world_size)
        folders = [one.name for one in data if one.inputs == "image" and one.image_shape is None]
        if folders and not kind.reads_folders:
            raise ValueError(
                f"{folders[0]} is a folder of image files, and a {kind.name} benchmark takes images in memory: "
                "use cifar10, cifar100, digits10 or digits100"
            )
        kind.planning_module.check(config, data)


def _default_jobs(
    configs: list[RunConfig],
    data: Data,
    devices: tuple[str, ...],
    folder: RunFolder,
    processes: int,
) -> int:
    """Runs at a time: one per core; one per GPU, or several where records in the folder say that they fit.

    A run of several processes takes as many cores or GPUs. One run alone where training ends by the clock.
    """
    if any(estimate.cost_of(c, data).seconds for c in configs):
        return 1
    if devices == ("cpu",):
        return cores.share(processes)
    if processes > 1:
        return len(devices) // processes
    known = measured(folder.records, device.describe(torch.device(devices[0])))
    peaks = [known[key].peak_memory if (key := alike(c)) in known else None for c in configs]
    return min(
        len(devices) * memory.runs_on_each(peaks, memory.free(devices)),
        max(cores.cores(), len(devices)),
    )


def _share(config: RunConfig, job: Job, chip: torch.device) -> float:
    """The share of an unfinished run that its checkpoint holds; 0 for a finished one."""
    stem = records.stem(config.run_id, job.codes[config.run_id])
    if not job.again and records.of_run(job.folder.records, stem):
        return 0.0
    file = runner.checkpoint(config, job.folder, chip)
    return file.share or newest_share(file.folder) or 0.0
