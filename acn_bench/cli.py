"""The commands run, report, truncate and list: parse the options, call the package, print the outcome."""

import gc
import json
import os
import shlex
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from rich.markup import escape
from rich.table import Table
from typer.core import TyperGroup

from acn_bench import __version__, catalog, cli_cluster, cli_options, home, interruption
from acn_bench.cli_choices import choices, words
from acn_bench.cli_options import LISTS
from acn_bench.errors import MissingData, sentence, shorten, within_screen
from acn_bench.launch import Launch, launched
from acn_bench.registry import closest
from acn_bench.terminal import Terminal
from acn_bench.wording import plural

if TYPE_CHECKING:
    from acn_bench.execution.run_plan import Outcome
    from acn_bench.execution.session import Session
    from acn_bench.plan import UnresolvedPlan

OK, FAILED, MENDABLE = 0, 1, 2
out = Terminal()
err = Terminal(stderr=True)


class _Commands(TyperGroup):
    """A wrong command or option is one line on the terminal, like every other error."""

    def main(self, *args: Any, **kwargs: Any) -> NoReturn:
        try:
            words = list(kwargs.get("args") or sys.argv[1:])
            code = super().main(*args, **kwargs | {"standalone_mode": False, "obj": words})
        except Exception as e:
            if not hasattr(e, "format_message"):  # of Click, in whichever package it comes
                raise
            _print_error(f"{_with_full_stop(e.format_message())} {_help_hint(e)}")
            sys.exit(MENDABLE)
        sys.exit(code if isinstance(code, int) else OK)


def _with_full_stop(message: str) -> str:
    return message if message.endswith((".", "?")) else f"{message}."


def _help_hint(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    return f"See: {context.command_path if context else 'acn-bench'} --help"


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    invoke_without_command=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Does an auto-compressing network (AC) forget less, resist noise better and need fewer layers "
    "than a residual network? Train both under the same protocol and compare them.",
    epilog="Start here: a minute on a laptop, without a download.  "
    "[bold]acn-bench run split_cifar100 --data digits100 --quick --seeds 0-2[/bold]",
)


def _mendable(command: Callable[..., None]) -> Callable[..., None]:
    """Print ValueError, LookupError and OSError as one line and exit with 2; a signal has its own code."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except (ValueError, LookupError, OSError) as e:
            _print_error(sentence(e))
            raise typer.Exit(MENDABLE) from None
        except SystemExit as e:  # a user's function called it
            if e.code:
                raise
            _print_error("sys.exit ended the command before it was done")
            raise typer.Exit(MENDABLE) from None
        except KeyboardInterrupt as e:  # typer would exit with another code
            raise typer.Exit(interruption.exit_code(e)) from None

    return wrapped


def _print_error(message: str) -> None:
    err.print(f"[red]error:[/red] {escape(within_screen(message))}", soft_wrap=True)


def _print_note(sentence: str | None) -> None:
    if sentence:
        out.print(sentence, style="dim", soft_wrap=True, markup=False)


# ---------------------------------------------------------------- run


@app.command(
    epilog="Examples:\n\n"
    "acn-bench run split_cifar100 --data digits100 --quick\n\n"
    "acn-bench run split_cifar100 --strategies naive,si,ewc --seeds 0-4 --set depth=5,10\n\n"
    "acn-bench run split_cifar100 --backbones ac_vit,residual_vit --set epochs=3 --dry-run"
)
@_mendable
def run(
    context: typer.Context,
    benchmark: cli_options.Benchmark,
    backbones: cli_options.Backbones = None,
    checkpoint: cli_options.Checkpoints = None,
    strategies: cli_options.Strategies = None,
    seeds: cli_options.Seeds = None,
    data: cli_options.Data = None,
    attack: cli_options.Attack = None,
    epsilon: cli_options.Epsilon = None,
    settings: cli_options.Settings = None,
    quick: cli_options.Quick = False,
    cache: cli_options.Cache = False,
    data_root: cli_options.DataRoot = None,
    out_folder: cli_options.RunsFolder = Path("runs"),
    device: cli_options.Device = "auto",
    jobs: cli_options.Jobs = 0,
    processes: cli_options.Processes = 1,
    share: cli_options.Share = None,
    lock: cli_options.Lock = "auto",
    time_limit: cli_options.TimeLimit = None,
    executor: cli_options.Executor = "local",
    address: cli_options.Address = "auto",
    dry_run: cli_options.DryRun = False,
    devices: cli_options.Devices = None,
    speed: cli_options.Speed = None,
    again: cli_options.Again = False,
    no_report: cli_options.NoReport = False,
    trackers: cli_options.Trackers = None,
) -> None:
    """Train and measure the arms of a benchmark, and write the report.

    Finished runs are not repeated; an interrupted command resumes where it stopped. Started by torchrun, the
    processes make each run together.
    """
    from acn_bench.execution import preemption
    from acn_bench.execution.shards import Shard
    from acn_bench.plan import unresolved

    started = time.monotonic()

    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # for a user's factory; workers get the same path
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: waiting threads must sleep
    launch = launched()
    if launch is not None and launch.rank:
        _follow(launch, device)
        return
    source = catalog.benchmark_path(benchmark)
    card = catalog.benchmark(benchmark)
    shard = Shard.parse(share) if share else None
    limit = preemption.begin(preemption.seconds(time_limit)) if time_limit else None
    chosen = choices(
        card,
        checkpoint=checkpoint,
        backbones=backbones,
        strategies=strategies,
        seeds=seeds,
        data=data,
        attack=attack,
        epsilon=epsilon,
        settings=settings,
        quick=quick,
        cache=cache,
    )
    plan = unresolved(card, chosen)  # before slow imports: a wrong name fails at once
    if devices is not None:
        _plan_on_paper(plan, devices, speed, data_root, device, dry_run)
        return

    _print_note(home.prepare())
    with interruption.exits_at_once():
        from acn_bench.execution import plan_summary, run_plan, session
        from acn_bench.execution.launched import leading

    longest = preemption.LONGEST if shard or limit else 0.0
    with nullcontext() if launch is None else leading(launch) as lead:
        options = session.Options(
            out_folder,
            data_root,
            device,
            jobs,
            again,
            world_size=processes,
            trackers=words(trackers),
            lead=lead,
            lock=lock,
            shard=shard,
            grace=longest,
            executor=executor,
            address=address,
        )
        try:
            prepared = session.prepare(card, source, plan, options, _print_note)
        except MissingData as e:
            raise LookupError(f"{e}: {_with_data(context.obj, e.embedded)}") from e
        plan_summary.print_plan(prepared, out)
        if dry_run:
            return
        with _stopped_in_time(longest, limit, started):
            outcome = run_plan.execute(prepared, out)
    _report(prepared, outcome, no_report)


def _plan_on_paper(
    plan: "UnresolvedPlan",
    devices: int,
    speed: float | None,
    data_root: Path | None,
    device: str,
    dry_run: bool,
) -> None:
    """Print what the trainings of a plan take on several devices. Raises ValueError where they are to run."""
    if not dry_run:
        raise ValueError(
            f"--devices {devices} plans a training on paper: add --dry-run. To train in several processes, start the "
            f"command by torchrun --nproc-per-node {devices} -m acn_bench, without --devices"
        )
    _print_note(home.prepare())
    with interruption.exits_at_once():
        from acn_bench.execution import paper, paper_summary

    wanted = paper.Wanted(devices, speed, data_root, device)
    paper_summary.print_paper(paper.plan(wanted, plan, _print_note), out)


def _follow(launch: Launch, device: str) -> None:
    """Take part in the runs of the first launched process, which alone prints and writes."""
    with interruption.exits_at_once():
        from acn_bench.execution.launched import follow

    follow(launch, device)


def _report(prepared: "Session", outcome: "Outcome", no_report: bool) -> None:
    """Write the report where this command made the last run, and exit with FAILED where a run failed."""
    from acn_bench.execution import report_plan

    failures = list(outcome.failures)
    if outcome.left:
        runs = plural(len(outcome.left), "run")
        out.print(f"{runs} left to the workers that make them; the last worker writes the report")
    elif not no_report:
        failures += _report_failure(lambda: report_plan.report(prepared, out), bool(failures))
    if failures:
        runs = f"{len(failures)} of {len(prepared.configs)} runs failed, the others are saved"
        _print_error("; ".join([runs, *failures]))
        raise typer.Exit(FAILED)


def _stopped_in_time(
    longest: float, limit: float | None, started: float
) -> AbstractContextManager[None]:
    """In the block runs are saved when a scheduler or the time limit stops them; plain commands end at once."""
    from acn_bench.execution.preemption import GRACE

    if not longest:
        return nullcontext()
    left = None if limit is None else limit - (time.monotonic() - started)
    return interruption.graceful(GRACE, longest, left)


def _report_failure(write: Callable[[], None], runs_failed: bool) -> list[str]:
    """Write a report; why it failed, where a run failed too: that comes first."""
    try:
        write()
    except (ValueError, LookupError, OSError) as e:
        if not runs_failed:
            raise
        return [f"the report: {e}"]
    return []


def _with_data(words: list[str], name: str) -> str:
    """The same command with other data."""
    options = [k for k, word in enumerate(words) if word == "--data"]
    removed = {k for option in options for k in (option, option + 1)}
    others = [w for k, w in enumerate(words) if k not in removed and not w.startswith("--data=")]
    return shlex.join(["acn-bench", *others, "--data", name])


# ---------------------------------------------------------------- report


@app.command(
    epilog="Examples:\n\nacn-bench report runs\n\n"
    "acn-bench report from-machine-a from-machine-b --out merged --format html,csv\n\n"
    "acn-bench report runs --against runs-before-the-upgrade"
)
@_mendable
def report(
    paths: cli_options.Paths,
    out_folder: cli_options.ReportFolder = None,
    formats: cli_options.Formats = "html,pdf",
    against: cli_options.Before = None,
) -> None:
    """Write a report over all records below the paths, without training."""
    with interruption.exits_at_once():
        from acn_bench import records, reports

    for path in (*paths, *(against or ())):
        if not path.exists():
            raise LookupError(f"there is nothing at {path}")
    with err.status("reading records"), records.no_collection():
        loaded = records.load_all(paths, older=True)
        before = records.load_all(against or [])
        gc.freeze()
    if not loaded:
        raise LookupError(f"there are no records below {', '.join(map(str, paths))}")
    names = sorted({r.config.benchmark.name for r in loaded})
    if against and not {r.config.benchmark.name for r in before} & set(names):
        raise LookupError(
            f"no record below {', '.join(map(str, against))} is of {', '.join(names)}"
        )
    first = paths[0] if paths[0].is_dir() else paths[0].parent
    benchmarks = [
        ([r for r in loaded if r.config.benchmark.name == name], _card(paths, name))
        for name in names
    ]
    # WeasyPrint leaves garbage
    collection = nullcontext() if "pdf" in words(formats) else records.no_collection()
    with err.status("writing the report") as status, collection:
        written = reports.write_several(
            benchmarks, out_folder or first, words(formats), status.update, before
        )
    for note in written.notes:
        err.print(note, soft_wrap=True, markup=False)
    for path in written.paths:
        out.print(str(path), soft_wrap=True, markup=False)


def _card(paths: list[Path], name: str) -> catalog.BenchmarkCard | None:
    """The benchmark's card: the copy next to the records, else the catalog's, else None."""
    copies = [p for path in paths for p in (path / "card.toml", path / name / "card.toml")]
    for source in [str(p) for p in copies if p.is_file()] + [name]:
        try:
            card = catalog.benchmark(source)
        except LookupError:
            continue
        if card.name == name:
            return card
    return None


# ---------------------------------------------------------------- clusters

submit = typer.Typer(help="Run a plan by many workers of a cluster.", rich_markup_mode="rich")
submit.command(
    "slurm",
    epilog="Example:\n\nacn-bench submit slurm split_cifar100 --seeds 0-4 --out /shared/runs --workers 8 -- "
    "--time=8:00:00 --cpus-per-task=4",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)(_mendable(cli_cluster.slurm))
app.add_typer(submit, name="submit")
app.command(epilog="Example:\n\nacn-bench status /shared/runs")(_mendable(cli_cluster.status))

# ---------------------------------------------------------------- truncate


@app.command()
@_mendable
def truncate(
    checkpoint: cli_options.Checkpoint,
    out_file: cli_options.SmallerFile = None,
    tolerance: cli_options.Tolerance = None,
    by_test: cli_options.ByTest = False,
    depth: cli_options.Depth = None,
    device: cli_options.SpeedDevice = "auto",
) -> None:
    """Remove the last blocks of a trained network, and save the smaller network.

    It has the smallest depth whose accuracy on held-out rows is within the tolerance of full depth.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: waiting threads must sleep

    with interruption.exits_at_once():
        from acn_bench import truncation
        from acn_bench.device import resolve

    choice = truncation.Choice(tolerance, by_test, depth)
    with out.status("truncating, and measuring the speed"):
        note, paths = truncation.truncate(checkpoint, out_file, choice, resolve(device))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("", "before", "after", ""):
        table.add_column(title, justify="left" if not title else "right")
    for row in truncation.rows(note):
        table.add_row(*map(escape, row))
    out.print(table)
    for path in paths:
        out.print(str(path), soft_wrap=True, markup=False)
    out.print(
        f"load it with   acn_bench.backbones.load({str(paths[0])!r})", soft_wrap=True, markup=False
    )


# ---------------------------------------------------------------- list


@app.command(name="list")
@_mendable
def list_(kind: cli_options.Kind = None, as_json: cli_options.Json = False) -> None:
    """List the benchmarks, strategies, backbones, data sets and corruptions, and the metrics with their formulas."""
    if kind is not None and kind not in LISTS:
        raise LookupError(f"there is no list of {shorten(kind)}. {closest(kind, LISTS)}")

    from acn_bench.inventory import inventory

    everything = inventory()
    kinds = [kind] if kind else LISTS
    if as_json:
        out.print_json(json.dumps({k: everything[k] for k in kinds}))
        return
    for k in kinds:
        table = Table(title=k, title_justify="left", box=None, show_header=False, pad_edge=False)
        table.add_column(no_wrap=True, style="bold")
        table.add_column()
        for name, description in everything[k].items():
            table.add_row(name, escape(description))
        out.print(table)
        out.print()


@app.callback()
def _options(context: typer.Context, version: cli_options.Version = False) -> None:
    if version:
        out.print(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        context.get_help()
