"""A drafted plan -> records on disk, a table and a report, with a person watching."""

import shutil
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import msgspec
import torch
from rich.console import Console
from rich.markup import escape

from acn_bench import device, records, reports, run_folder, user_functions
from acn_bench.analysis.comparison import compare
from acn_bench.catalog import BenchmarkCard
from acn_bench.config import RunConfig
from acn_bench.data import images
from acn_bench.data.images import ImageData
from acn_bench.errors import MissingData as MissingData
from acn_bench.execution import code_hash, estimate, local, runner
from acn_bench.execution.local import Job
from acn_bench.execution.plan_table import PlanTable
from acn_bench.execution.progress import Expected, ProgressDisplay
from acn_bench.plan import UnresolvedPlan, missing_bounds
from acn_bench.record import Record
from acn_bench.registry import DATA, KINDS
from acn_bench.reports import tables
from acn_bench.run_folder import RunFolder
from acn_bench.wording import listed

Data = Sequence[ImageData]  # in the protocol's order


@dataclass(frozen=True)
class Options:
    """Where and how a plan is run: nothing here changes a figure but the device's precision."""

    out: Path
    data_root: Path | None
    device: str  # auto, cpu or cuda
    jobs: int  # runs at a time; 0: as many as the device takes well
    again: bool


@dataclass(frozen=True)
class Session:
    """One plan, resolved: what will run, on what, and where it goes."""

    card: BenchmarkCard
    card_source: Path
    configs: list[RunConfig]
    seconds: list[float]  # roughly, of each config in one worker
    data: Data
    job: Job
    jobs: int
    shares: list[float]  # of each run that a checkpoint holds
    roster: PlanTable
    refused: tuple[str, ...]  # strategies that do not serve the scenario, and why

    @property
    def place(self) -> RunFolder:
        """Where the benchmark's files lie."""
        return self.job.place

    def record(self, config: RunConfig) -> Record | None:
        """The newest record of a run by the code as it is. Raises ValueError for a damaged one."""
        try:
            return records.newest(self.place.records, config.run_id, self.job.codes[config.run_id])
        except ValueError as e:
            raise ValueError(f"{e}. Remove the file, and its run is made again") from e


def prepare(
    card: BenchmarkCard, card_source: Path, unresolved_plan: UnresolvedPlan, options: Options
) -> Session:
    """Resolve data, device and precision; time a few steps. Raises what the user can mend."""
    sources = {
        name: user_functions.source(name, what) for name, what in unresolved_plan.functions.items()
    }
    chip = device.resolve(options.device)
    precision = {r.precision: device.resolve_precision(r.precision) for r in unresolved_plan.runs}
    data = _load(unresolved_plan, options.data_root)
    shape = data[0].train_images.shape[1:]
    configs = unresolved_plan.resolve(
        images.fingerprint(data), precision, sources, (shape[0], shape[1], shape[2])
    )
    _check(configs, data)
    counted = any(
        estimate.cost_of(c, data).seconds for c in configs
    )  # nothing may run beside such a run
    jobs = options.jobs or (device.cores() if chip.type == "cpu" and not counted else 1)
    jobs = min(jobs, len(configs))
    threads = max(1, device.cores() // jobs)
    torch.set_num_threads(threads)
    job = Job(
        place=RunFolder(options.out / card.name),
        codes={c.run_id: code_hash.code(c) for c in configs},
        data_root=options.data_root,
        device=chip.type,
        threads=threads,
        again=options.again,
    )
    return Session(
        card=card,
        card_source=card_source,
        configs=configs,
        seconds=estimate.seconds(configs, data, chip),
        data=data,
        job=job,
        jobs=jobs,
        shares=[_share(config, job, chip) for config in configs],
        roster=PlanTable(configs),
        refused=unresolved_plan.excluded,
    )


def _load(unresolved_plan: UnresolvedPlan, root: Path | None) -> Data:
    """The plan's data. What is missing is replaced by what stands in for the first of them: for a target, too."""
    try:
        return images.of(unresolved_plan.benchmark, root)
    except MissingData as e:
        raise MissingData(str(e), DATA.load(unresolved_plan.benchmark.datasets[0]).embedded) from e


def _share(config: RunConfig, job: Job, chip: torch.device) -> float:
    """How much of a run that is to be made a checkpoint holds."""
    name = f"{records.stem(config.run_id, job.codes[config.run_id])}.json"
    if not job.again and (job.place.records / name).exists():
        return 0.0
    return runner.checkpoint(config, job.place, chip).share or 0.0


def _check(configs: list[RunConfig], data: Data) -> None:
    """Raise ValueError for too few classes or rows now, not in each run."""
    distinct = {msgspec.json.encode((c.benchmark, c.seeds)): c for c in configs}
    for config in distinct.values():
        KINDS.load(config.benchmark.kind).planning_module.check(config, data)


# ---------------------------------------------------------------- before


def print_plan(session: Session, console: Console) -> None:
    """What will run, on what data, for roughly how long."""
    finished = [not session.job.again and session.record(c) is not None for c in session.configs]
    left = [
        seconds * (1 - share)
        for seconds, share, done in zip(session.seconds, session.shares, finished, strict=True)
        if not done
    ]
    console.print(
        f"[bold]{session.card.name}[/bold]  {escape(session.card.intent)}", soft_wrap=True
    )
    for k, data in enumerate(session.data):
        part = "" if data.canonical or data.experiences else ", not the full original set"
        console.print(
            f"{'' if k else 'data':<10} {data.name}, {len(data.train_labels):,} training and "
            f"{len(data.test_labels):,} test images{part} ({data.fingerprint})",
            soft_wrap=True,
        )
    for k, sentence in enumerate(
        dict.fromkeys(KINDS.load(c.benchmark.kind).describe(c) for c in session.configs)
    ):
        console.print(f"{'or' if k else 'protocol':<10} {sentence}", soft_wrap=True)
    precisions = listed(list(dict.fromkeys(c.precision for c in session.configs)))
    console.print(
        f"machine    {device.describe(torch.device(session.job.device))}; "
        f"{session.jobs} run(s) at a time, {precisions}",
        soft_wrap=True,
    )
    console.print(session.roster.table(session.configs, finished))
    for config, share in zip(session.configs, session.shares, strict=True):
        if share:
            words = f"goes on    {session.roster.name(config)} from its checkpoint, at {100 * share:.0f} %"
            console.print(words, soft_wrap=True, markup=False)
    for sentence in session.refused:
        console.print(f"left out   {sentence}", soft_wrap=True, markup=False)
    if missing := missing_bounds(session.configs):
        console.print(f"not run    baselines: {missing}", soft_wrap=True)
    several = f"{len(session.configs)} runs, {sum(finished)} of them finished before"
    if left:
        wait = estimate.START + sum(left) / session.jobs
        several += f"; the others take roughly {estimate.duration(wait)}"
    console.print(several)


# ---------------------------------------------------------------- during


def execute(session: Session, console: Console) -> list[str]:
    """Run what is left; returns a sentence for each run that failed. What is finished is on disk at any moment."""
    _prepare_folder(session)
    expected = [
        Expected(config, session.roster.name(config), seconds, share)
        for config, seconds, share in zip(
            session.configs, session.seconds, session.shares, strict=True
        )
        if session.job.again or session.record(config) is None
    ]
    if not expected:
        return []

    def figures(config: RunConfig) -> str:
        record = session.record(config)
        return "" if record is None else KINDS.load(config.benchmark.kind).summary(record)

    display = ProgressDisplay(expected, session.jobs, session.place, figures, console)
    todo = [e.config for e in expected]
    with display.bars, closing(local.execute(todo, session.job, session.jobs)) as news:
        for item in news:
            display.tell(item)
    return display.failures


def _prepare_folder(session: Session) -> None:
    """Make the benchmark's folder, see that it can be written, and keep the card there."""
    folder = session.place.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
        with run_folder.atomic(folder / "card.toml") as part:
            shutil.copyfile(session.card_source, part)
    except OSError as e:
        raise ValueError(f"--out: {folder} cannot be written: {e.strerror or e}") from e


# ---------------------------------------------------------------- after


def report(session: Session, console: Console) -> None:
    """The table, and the report over exactly the plan's records."""
    found = [r for r in map(session.record, session.configs) if r is not None]
    if not found:
        console.print("no run has a record, so there is no report")
        return
    console.print()
    console.print(tables.plain(compare(found, session.card)), soft_wrap=True, markup=False)
    with console.status("writing the report"):
        written = reports.write(found, session.card, session.place.folder)
    for note in written.notes:
        console.print(note, soft_wrap=True, markup=False)
    console.print(f"records  {session.place.records}", soft_wrap=True, markup=False)
    for path in written.paths:
        console.print(f"report   {path}", soft_wrap=True, markup=False)
