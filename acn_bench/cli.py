"""Arguments in, one call out: run · report · truncate · list. The only file that prints."""

import json
import os
import sys
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from acn_bench import __version__, catalog, interruption

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Does an auto-compressing network forget less, resist noise better and need fewer layers "
    "than a residual one? Train both, side by side, and see.",
    epilog="Start here:  [bold]python -m acn_bench run split_cifar100 --data digits100 --quick[/bold]",
)
out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

OK, FAILED, MENDABLE, INTERRUPTED = 0, 1, 2, 130


def _mendable(command: Callable[..., None]) -> Callable[..., None]:
    """ValueError, LookupError, OSError and Ctrl-C are messages to people: print them, and nothing else."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except (ValueError, LookupError, OSError) as e:
            _complain(str(e.args[0] if isinstance(e, KeyError) and e.args else e))
            raise typer.Exit(MENDABLE) from None
        except KeyboardInterrupt:  # typer would make it an exit code of its own
            raise typer.Exit(INTERRUPTED) from None

    return wrapped


def _complain(message: str) -> None:
    err.print(f"[red]error:[/red] {escape(message)}", soft_wrap=True)


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())


# ---------------------------------------------------------------- run


@app.command()
@_mendable
def run(
    benchmark: Annotated[
        str, typer.Argument(help="A benchmark's name (see `list`), or a card's path.")
    ],
    backbones: Annotated[
        str | None,
        typer.Option(
            help="Which networks, e.g. ac_mixer,residual_mixer:released,my.module:factory."
        ),
    ] = None,
    strategies: Annotated[
        str | None, typer.Option(help="With what forgetting is resisted, e.g. naive,si; or all.")
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(help="0,1,2 or 0-4: class order, weights, data and noise at once.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Other data: digits100 is embedded and needs no download.")
    ] = None,
    data_root: Annotated[
        Path | None,
        typer.Option(
            help="Where data sets lie. Default: $ACN_BENCH_DATA, else ~/.cache/acn_bench."
        ),
    ] = None,
    out_folder: Annotated[
        Path, typer.Option("--out", help="Where records, weights and reports go.")
    ] = Path("runs"),
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="key=value; several values sweep: --set depth=5,10,15. Repeatable."
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Minutes become seconds; figures are not comparable.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    jobs: Annotated[
        int, typer.Option(min=0, help="Runs at a time. 0: one a core; on a GPU, one.")
    ] = 0,
    again: Annotated[
        bool,
        typer.Option("--again", help="Run even what has a record; the report takes the newest."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, and stop.")] = False,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Write the report.")] = True,
) -> None:
    """Train the arms of a benchmark, measure them, and write the report.

    Finished runs are kept and not run again; an interrupted command goes on where it stopped.
    """
    from acn_bench.plan import Choices, draft, numbers

    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # a factory's module may lie here; workers are told, too
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: timed steps must not spin
    source = catalog.benchmark_path(benchmark)
    card = catalog.benchmark(benchmark)
    choices = Choices(
        backbones=_words(backbones),
        strategies=_words(strategies),
        seeds=numbers(seeds) if seeds else (),
        data=data,
        settings=tuple(settings or ()),
        quick=quick,
    )
    drafted = draft(card, choices)  # before anything slow: a wrong word is told at once

    with interruption.put_off():
        from acn_bench import session

    options = session.Options(out_folder, data_root, device, jobs, again)
    plan = session.prepare(card, source, drafted, options)
    session.print_plan(plan, out)
    if dry_run:
        return
    failures = session.execute(plan, out)
    try:
        if report:
            session.report(plan, out)
    except (ValueError, LookupError, OSError) as e:
        if not failures:
            raise
        failures.append(f"the report: {e}")
    if failures:
        runs = f"{len(failures)} of {len(plan.configs)} runs failed, the others are kept"
        _complain("; ".join([runs, *failures]))
        raise typer.Exit(FAILED)


# ---------------------------------------------------------------- report


@app.command()
@_mendable
def report(
    paths: Annotated[
        list[Path], typer.Argument(help="Folders or files of records, from any machine.")
    ],
    out_folder: Annotated[
        Path | None,
        typer.Option("--out", help="Where the report goes. Default: beside the records."),
    ] = None,
    formats: Annotated[
        str, typer.Option("--format", help="Any of html, pdf, md, latex, csv.")
    ] = "html,pdf",
) -> None:
    """Write a report over every record below the paths. Nothing is trained."""
    with interruption.put_off():
        from acn_bench import records, reports

    for path in paths:
        if not path.exists():
            raise LookupError(f"there is nothing at {path}")
    found = records.load_all(paths, older=True)
    if not found:
        raise LookupError(f"there are no records below {', '.join(map(str, paths))}")
    names = sorted({r.config.benchmark.name for r in found})
    first = paths[0] if paths[0].is_dir() else paths[0].parent
    for name in names:
        folder = out_folder or first
        folder = folder / name if len(names) > 1 else folder
        card = _card(paths, name)
        written = reports.write(
            [r for r in found if r.config.benchmark.name == name], card, folder, _words(formats)
        )
        for note in written.notes:
            err.print(note, soft_wrap=True, markup=False)
        for path in written.paths:
            out.print(str(path), soft_wrap=True, markup=False)


def _card(paths: list[Path], name: str) -> catalog.BenchmarkCard | None:
    """The benchmark's card: the one kept beside the records, else the catalog's, else none."""
    kept = [p for path in paths for p in (path / "card.toml", path / name / "card.toml")]
    for source in [str(p) for p in kept if p.is_file()] + [name]:
        try:
            card = catalog.benchmark(source)
        except LookupError:
            continue
        if card.name == name:
            return card
    return None


# ---------------------------------------------------------------- truncate


@app.command()
@_mendable
def truncate(
    checkpoint: Annotated[
        Path, typer.Argument(help="A run's weights or record, or what `backbones.save` wrote.")
    ],
    out_file: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="The smaller network: a .safetensors file, a note beside it. Default: beside the weights, "
            "its name ending in -cut.",
        ),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(help="Accuracy that may be lost on held-out rows; 0.01 is one point."),
    ] = 0.01,
    by_test: Annotated[
        bool,
        typer.Option(
            "--test", help="Cut only where held-out rows show at 95 % that less than this is lost."
        ),
    ] = False,
    depth: Annotated[
        int | None, typer.Option(help="Keep that many blocks, whatever the held-out rows say.")
    ] = None,
    device: Annotated[
        str, typer.Option(help="Where speed is measured: auto, cpu or cuda.")
    ] = "auto",
) -> None:
    """Keep the blocks that a trained network uses, and write it as a network of its own.

    The depth is the smallest whose accuracy on held-out rows is within the tolerance of full depth.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch: timed passes must not spin

    from acn_bench import truncation
    from acn_bench.device import resolve

    choice = truncation.Choice(tolerance, by_test, depth)
    with out.status("cutting, and measuring the speed"):
        cut, paths = truncation.truncate(checkpoint, out_file, choice, resolve(device))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("", "before", "after", ""):
        table.add_column(title, justify="left" if not title else "right")
    for row in truncation.rows(cut):
        table.add_row(*map(escape, row))
    out.print(table)
    for path in paths:
        out.print(str(path), soft_wrap=True, markup=False)
    out.print(
        f"load it with   acn_bench.backbones.load({str(paths[0])!r})", soft_wrap=True, markup=False
    )


# ---------------------------------------------------------------- list


class Kind(StrEnum):
    """What can be listed."""

    benchmarks = "benchmarks"
    strategies = "strategies"
    backbones = "backbones"
    data = "data"
    corruptions = "corruptions"
    metrics = "metrics"


@app.command(name="list")
@_mendable
def list_(
    kind: Annotated[Kind | None, typer.Argument(help="Only these.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """List benchmarks, strategies, backbones, data, corruptions, and metrics with their formulas."""
    from acn_bench.naming import inventory
    from acn_bench.reports import measures

    everything = inventory() | {"metrics": measures.inventory()}
    kinds = [str(kind.value)] if kind else list(everything)
    if as_json:
        out.print_json(json.dumps({k: everything[k] for k in kinds}))
        return
    for k in kinds:
        table = Table(title=k, title_justify="left", box=None, show_header=False, pad_edge=False)
        table.add_column(no_wrap=True, style="bold")
        table.add_column()
        for name, words in everything[k].items():
            table.add_row(name, escape(words))
        out.print(table)
        out.print()


def _version(wanted: bool) -> None:
    if wanted:
        out.print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass
