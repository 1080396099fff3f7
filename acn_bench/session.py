"""A drafted plan -> records on disk, a table and a report, with a person watching."""

import shutil
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import msgspec
import torch
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from acn_bench import (
    device,
    estimate,
    kinds,
    provenance,
    records,
    reference,
    reports,
    runner,
    workers,
)
from acn_bench.catalog import BenchmarkCard
from acn_bench.data import images
from acn_bench.data.cifar import MissingData as MissingData
from acn_bench.kinds import Data
from acn_bench.plan import Draft, without_bounds
from acn_bench.records import Place, RunRecord
from acn_bench.reports import tables
from acn_bench.reports.comparison import compare
from acn_bench.spec import FactorySpec, Precision, RunConfig
from acn_bench.workers import Job, News


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
    refused: tuple[str, ...] = ()  # strategies that do not serve the scenario, and why

    @property
    def place(self) -> Place:
        """Where the benchmark's files lie."""
        return self.job.place

    def record(self, config: RunConfig) -> RunRecord | None:
        """The newest record of a run by the code as it is. Raises ValueError for a damaged one."""
        try:
            return records.newest(self.place.records, config.run_id, self.job.code)
        except ValueError as e:
            raise ValueError(f"{e}. Remove the file, and its run is made again") from e


def prepare(card: BenchmarkCard, card_source: Path, drafted: Draft, options: Options) -> Session:
    """Resolve data, device and precision; time a few steps. Raises what the user can mend."""
    sources = {name: reference.source(name, what) for name, what in drafted.functions.items()}
    chip = device.resolve(options.device)
    precision: dict[str, Precision] = {
        p: device.resolve_precision(p, chip) for p in set(drafted.precisions)
    }
    data = images.of(drafted.configs[0].benchmark, options.data_root)
    shape = data[0].train_images.shape[1:]
    configs = drafted.resolve(
        images.fingerprint(data), precision, sources, (shape[0], shape[1], shape[2])
    )
    _check(configs, data)
    counted = any(kinds.of(c).seconds(c) for c in configs)  # nothing may run beside such a run
    jobs = options.jobs or (device.cores() if chip.type == "cpu" and not counted else 1)
    jobs = min(jobs, len(configs))
    threads = max(1, device.cores() // jobs)
    torch.set_num_threads(threads)
    job = Job(
        place=Place(options.out / card.name),
        code=provenance.code(card.protocol.kind),
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
        refused=drafted.refused,
    )


def _share(config: RunConfig, job: Job, chip: torch.device) -> float:
    """How much of a run that is to be made a checkpoint holds."""
    name = f"{records.stem(config.run_id, job.code)}.json"
    if not job.again and (job.place.records / name).exists():
        return 0.0
    return runner.checkpoint(config, job.place, chip).share or 0.0


def _check(configs: list[RunConfig], data: Data) -> None:
    """Raise ValueError for too few classes or rows now, not in each run."""
    distinct = {msgspec.json.encode((c.benchmark, c.seeds)): c for c in configs}
    for config in distinct.values():
        kinds.of(config).check(config, data)


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
    sentence = kinds.of(session.configs[0]).sentence(session.configs[0])
    console.print(f"protocol   {sentence}", soft_wrap=True)
    console.print(
        f"machine    {device.describe(torch.device(session.job.device))}; "
        f"{session.jobs} run(s) at a time, {session.configs[0].precision}",
        soft_wrap=True,
    )
    console.print(_plan_table(session, finished))
    for config, share in zip(session.configs, session.shares, strict=True):
        if share:
            words = f"goes on    {_name(config)} from its checkpoint, at {100 * share:.0f} %"
            console.print(words, soft_wrap=True, markup=False)
    for sentence in session.refused:
        console.print(f"left out   {sentence}", soft_wrap=True, markup=False)
    if missing := without_bounds(session.configs):
        console.print(f"not named  {missing}: no bound there to read the others by", soft_wrap=True)
    several = f"{len(session.configs)} runs, {sum(finished)} of them finished before"
    if left:
        wait = estimate.START + sum(left) / session.jobs
        several += f"; the others take roughly {_duration(wait)}"
    console.print(several)


def _plan_table(session: Session, finished: list[bool]) -> Table:
    rows: dict[tuple[str, ...], list[tuple[RunConfig, bool]]] = {}
    for config, done in zip(session.configs, finished, strict=True):
        rows.setdefault(_arm(config), []).append((config, done))
    said = [k for k, words in enumerate(zip(*rows, strict=True)) if any(words)]
    table = Table(box=None, pad_edge=False, header_style="dim")
    titles = ("strategy", "backbone", "scheme", "depth")
    for title in (*(titles[k] for k in said), "seeds", "to do"):
        table.add_column(title, justify="right" if title == "to do" else "left")
    for words, runs in rows.items():
        seeds = ", ".join(dict.fromkeys(_seeds(c) for c, _ in runs))
        cells = [escape(words[k]) for k in said]
        table.add_row(*cells, seeds, str(sum(not done for _, done in runs)))
    return table


def _arm(config: RunConfig) -> tuple[str, ...]:
    """Strategy, backbone, what else tells arms apart, depth; each empty where there is none."""
    depth = "" if isinstance(config.backbone, FactorySpec) else str(config.backbone.depth)
    strategy = config.strategy.name if config.strategy else ""
    arm = " ".join(str(getattr(config.benchmark, name)) for name in config.benchmark.arm)
    return strategy, config.backbone.name, arm, depth


def _seeds(config: RunConfig) -> str:
    s = config.seeds
    same = len({s.order, s.init, s.data, s.noise}) == 1
    return str(s.order) if same else f"{s.order}/{s.init}/{s.data}/{s.noise}"


# ---------------------------------------------------------------- during


def execute(session: Session, console: Console) -> list[str]:
    """Run what is left; returns a sentence for each run that failed. What is finished is on disk at any moment."""
    _prepare_folder(session)
    todo = [c for c in session.configs if session.job.again or session.record(c) is None]
    if not todo:
        return []
    watch = _Watch(session, todo, console)
    with watch.bars, closing(workers.execute(todo, session.job, session.jobs)) as news:
        for item in news:
            watch.tell(item)
    return watch.failures


def _prepare_folder(session: Session) -> None:
    """Make the benchmark's folder, see that it can be written, and keep the card there."""
    folder = session.place.folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
        with records.atomic(folder / "card.toml") as part:
            shutil.copyfile(session.card_source, part)
    except OSError as e:
        raise ValueError(f"--out: {folder} cannot be written: {e.strerror or e}") from e


class _Watch:
    """Progress bars, and a line for each run that ends."""

    def __init__(self, session: Session, todo: list[RunConfig], console: Console) -> None:
        self.session, self.console, self.ended = session, console, 0
        self.failures: list[str] = []
        seconds = dict(zip([c.run_id for c in session.configs], session.seconds, strict=True))
        self.seconds = {c.run_id: seconds[c.run_id] for c in todo}  # estimated
        shares = dict(zip([c.run_id for c in session.configs], session.shares, strict=True))
        self.share = {run: shares[run] for run in self.seconds}  # done
        self.given = sum(self.seconds[run] * share for run, share in self.share.items())
        self.began = time.monotonic()
        self.starts: dict[str, float] = {}
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[left]}"),
            console=console,
            transient=True,
        )
        whole = sum(self.seconds.values())
        left = self._left(self.given, whole)
        self.total = self.bars.add_task("all runs", total=1.0, left=left)
        self.bars.update(self.total, completed=self.given / whole)
        self.lines: dict[str, TaskID] = {}

    def tell(self, news: News) -> None:
        """Show one piece of news."""
        run = news.config.run_id
        if news.state != "started":
            self.share[run] = news.share
        else:
            self.starts[run] = time.monotonic()
            if run not in self.lines:
                self.lines[run] = self.bars.add_task(escape(_name(news.config)), total=1.0, left="")
        if run in self.lines:
            self.bars.update(self.lines[run], completed=self.share[run])
        if news.state in ("done", "kept", "failed"):
            self._ended(news)
        done = sum(self.seconds[r] * share for r, share in self.share.items())
        whole = sum(self.seconds.values())
        self.bars.update(self.total, completed=done / whole, left=self._left(done, whole))

    def _left(self, done: float, whole: float) -> str:
        """What is left, by how fast it went so far; by the plan's estimate until that says something."""
        passed = time.monotonic() - self.began
        planned = (whole - done) / self.session.jobs
        here = done - self.given  # what checkpoints held took this command no time
        if here < 0.02 * whole:
            return f"about {_duration(planned + estimate.START)} left"
        return f"about {_duration(passed * (whole - done) / here)} left"

    def _ended(self, news: News) -> None:
        run = news.config.run_id
        self.ended += 1
        self.share[run] = 1.0
        if run in self.lines:
            self.bars.remove_task(self.lines.pop(run))
        head = escape(f"[{self.ended}/{len(self.seconds)}] {_name(news.config)}")
        if news.state == "failed":
            self.failures.append(f"{_name(news.config)}: {news.message}")
            self._keep_trace(news)
            line = f"{head}  [red]failed:[/red] {escape(news.message)}"
            self.bars.console.print(line, soft_wrap=True)
            return
        record = self.session.record(news.config)
        took = _duration(time.monotonic() - self.starts[run]) if run in self.starts else "elsewhere"
        note = escape(f"  ({news.message})") if news.message else ""
        self.bars.console.print(f"{head}  {took}  {_figures(record)}{note}", soft_wrap=True)

    def _keep_trace(self, news: News) -> None:
        if not news.trace:
            return
        path = self.session.place.folder / "failures" / f"{news.config.run_id}.txt"
        with suppress(OSError), records.atomic(path) as part:
            part.write_text(news.trace, encoding="utf-8")


def _name(config: RunConfig) -> str:
    *words, depth = _arm(config)
    said = [word for word in words if word] + ([f"d{depth}"] if depth else [])
    return f"{' '.join(said)} seed {_seeds(config)}"


def _figures(record: RunRecord | None) -> str:
    return "" if record is None else kinds.of(record.config).figures(record)


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


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
