"""The commands submit and status: a plan as jobs of a cluster, and how far they are."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape
from rich.table import Table

from acn_bench import catalog, cli_options
from acn_bench.cli_choices import OPTIONS, choices
from acn_bench.registry import KINDS
from acn_bench.terminal import Terminal
from acn_bench.wording import plural

if TYPE_CHECKING:
    from acn_bench.catalog import BenchmarkCard
    from acn_bench.execution.activity import Activity
    from acn_bench.execution.slurm import Submission
    from acn_bench.execution.status import FolderStatus, Heartbeat, RunStatus
    from acn_bench.plan import UnresolvedPlan

out = Terminal()


def slurm(
    context: typer.Context,
    benchmark: cli_options.Benchmark,  # noqa: ARG001 - for the help: `run` parses its words
    workers: cli_options.Workers,
    dry_run: cli_options.DrySubmit = False,
) -> None:
    """Write one script for sbatch, submit it, and return. Takes the options of `run`; after --, those of sbatch."""
    from acn_bench.execution import slurm
    from acn_bench.plan import unresolved

    own, options = _split(list(context.obj)[2:], "--")
    run_words = _without("--workers", [word for word in own if word != "--dry-run"])
    params = _parsed(context, run_words)
    _check(params)
    card = catalog.benchmark(params["benchmark"])
    KINDS.load(card.protocol.kind).check_processes(params["processes"])
    # a wrong name fails here, and not in each job
    plan = unresolved(card, choices(card, **{key: params[key] for key in OPTIONS}))
    place = params["out_folder"].absolute()
    run = [sys.executable, "-m", "acn_bench", "run"]
    submission = slurm.Submission(
        name=card.name,
        workers=workers,
        command=[*run, *_without("--out", run_words), f"--out={place}"],
        options=options,
        place=place / card.name / "slurm",
        folder=Path.cwd(),
    )
    if dry_run:
        out.print(submission.script, soft_wrap=True, markup=False)
        _print_forecast(card, plan, params, submission)
        return
    job = slurm.submit(submission)
    for line in (
        f"job {job}: {plural(workers, 'worker')} of {card.name}",
        f"script   {submission.script_path}",
        f"watch    acn-bench status {place}   or   squeue --job {job}",
        f"logs     tail -f {submission.place}/{job}_*.log",
        f"stop     scancel {job}   (the same submit resumes)",
    ):
        out.print(line, soft_wrap=True, markup=False)


def _print_forecast(
    card: "BenchmarkCard", plan: "UnresolvedPlan", params: dict[str, Any], submission: "Submission"
) -> None:
    """Print what the plan takes; data is loaded, and training steps are timed on this machine."""
    from acn_bench.execution import session
    from acn_bench.execution.forecast import forecast

    size = params["processes"]
    jobs = params["jobs"] or max(1, (submission.gpus or submission.cores) // size)
    options = session.Options(
        params["out_folder"],
        params["data_root"],
        params["device"],
        jobs,
        params["again"],
        lock=params["lock"],
        world_size=size,
    )
    source = catalog.benchmark_path(params["benchmark"])
    prepared = session.prepare(card, source, plan, options)
    for title, text in forecast(
        prepared, submission.workers, jobs, gpus=bool(submission.gpus)
    ).lines():
        out.print(f"{title:<10} {text}", soft_wrap=True, markup=False)


def _check(params: dict[str, Any]) -> None:
    """Raise ValueError for options that each job would refuse."""
    from acn_bench.execution import preemption

    if params["share"]:
        raise ValueError(f"--shard {params['share']}: leave it out, each worker gets its share")
    if params["devices"]:
        raise ValueError("--devices plans on paper: use it with run --dry-run, not with submit")
    if params["time_limit"]:
        preemption.seconds(params["time_limit"])


def _split(words: list[str], at: str) -> tuple[list[str], list[str]]:
    """The words before and after one; all and none where it is not among them."""
    k = words.index(at) if at in words else len(words)
    return words[:k], words[k + 1 :]


def _without(option: str, words: list[str]) -> list[str]:
    values = {k + 1 for k, word in enumerate(words) if word == option}
    return [
        word
        for k, word in enumerate(words)
        if k not in values and word != option and not word.startswith(f"{option}=")
    ]


def _parsed(context: typer.Context, words: list[str]) -> dict[str, Any]:
    """The options of `run`, by its own parser, which names what is wrong."""
    root = context.find_root()
    group: Any = root.command
    command = group.get_command(root, "run")
    return dict(command.make_context("run", list(words), parent=root).params)


# ---------------------------------------------------------------- status


def status(folder: cli_options.Watched) -> None:
    """Show which runs are done, running, failed and waiting: from the folder alone, on any machine."""
    from acn_bench.execution import status

    for one in status.read(folder):
        _print_status(one)


def _print_status(status: "FolderStatus") -> None:
    if not status.runs:
        out.print(f"[bold]{escape(status.benchmark)}[/bold]  submitted: no worker has begun")
        return
    counts = ", ".join(f"{count} {state}" for state, count in status.counts.items())
    out.print(
        f"[bold]{escape(status.benchmark)}[/bold]  {plural(len(status.runs), 'run')}: {counts}"
    )
    if running := status.of("running"):
        table = Table(box=None, pad_edge=False, header_style="dim")
        for title in ("running", "done", "where", "since", "heard of"):
            table.add_column(title, justify="right" if title == "done" else "left")
        for run in running:
            table.add_row(*map(escape, _cells(run)))
        out.print(table)
    for run in status.of("waiting"):
        if run.heartbeat:
            out.print(f"lost     {run.name}: {_lost(run.heartbeat)}", soft_wrap=True, markup=False)
    for run in status.of("failed"):
        out.print(f"failed   {run.name}: {run.reason}", soft_wrap=True, markup=False)


def _cells(run: "RunStatus") -> tuple[str, ...]:
    from acn_bench.execution.status import SILENT
    from acn_bench.wording import duration

    heartbeat = run.heartbeat
    assert heartbeat is not None
    about = heartbeat.activity
    heard = f"{duration(heartbeat.silent)} ago"
    if heartbeat.silent > SILENT:
        heard += ": frozen?"
    return run.name, f"{100 * about.share:.0f} %", _where(about), about.started, heard


def _lost(heartbeat: "Heartbeat") -> str:
    """What became of a worker, and of its run."""
    from acn_bench.wording import duration

    about = heartbeat.activity
    end = "was killed" if heartbeat.here else f"has been silent for {duration(heartbeat.silent)}"
    return f"{_where(about)}, {end} at {100 * about.share:.0f} %; the next worker makes the run"


def _where(about: "Activity") -> str:
    return f"{about.host}, {about.job or f'process {about.process}'}"
