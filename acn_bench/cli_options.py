"""What may be said on the command line, each with its help: the types of `cli`'s commands."""

from pathlib import Path
from typing import Annotated

import typer

LISTS = ("benchmarks", "strategies", "backbones", "data", "corruptions", "metrics")

_WHAT, _WHERE, _WHEN = "What is run", "Where and how", "Before and after"


def _flag(name: str, said: str, panel: str | None = None) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        name, metavar="", help=said, rich_help_panel=panel
    )
    return option


# ---------------------------------------------------------------- run

Benchmark = Annotated[
    str,
    typer.Argument(metavar="BENCHMARK", help="A benchmark's name (see `list`), or a card's path."),
]
Backbones = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,…",
        rich_help_panel=_WHAT,
        help="Networks, as ac_mixer,residual_mixer; a variant as ac_mixer:released; your own as "
        "my.module:factory. Default: the card's.",
    ),
]
Strategies = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,…",
        rich_help_panel=_WHAT,
        help="With what forgetting is resisted: naive,si; or all. Default: the card's.",
    ),
]
Seeds = Annotated[
    str | None,
    typer.Option(
        metavar="0,1|0-4",
        rich_help_panel=_WHAT,
        help="Each sets class order, weights, data order and noise. Default: the card's.",
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=_WHAT,
        help="Other data than the card's: digits100 is embedded and needs no download.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        rich_help_panel=_WHAT,
        help="Another value than the card's: --set epochs=3; several values sweep: --set "
        "depth=5,10,15. Keys are benchmark.*, backbone.*, strategy.NAME.*, seed.order|init|data|noise and "
        "precision, short where unique. May be given more than once.",
    ),
]
Quick = Annotated[
    bool,
    _flag(
        "--quick",
        "The whole protocol, shortened: minutes become seconds. Its figures compare with no others.",
        _WHAT,
    ),
]
DataRoot = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        rich_help_panel=_WHERE,
        help="Where data sets lie. Default: $ACN_BENCH_DATA, else ~/.cache/acn_bench.",
    ),
]
RunsFolder = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="DIR",
        rich_help_panel=_WHERE,
        help="Where records, weights and reports go.",
    ),
]
Device = Annotated[
    str, typer.Option(metavar="NAME", rich_help_panel=_WHERE, help="auto, cpu or cuda.")
]
Jobs = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="N",
        rich_help_panel=_WHERE,
        help="Runs at a time. 0: one a core; on a GPU, one.",
    ),
]
DryRun = Annotated[bool, _flag("--dry-run", "Print the plan, and stop.", _WHEN)]
Again = Annotated[
    bool,
    _flag("--again", "Make even the runs that have a record; the report takes the newest.", _WHEN),
]
NoReport = Annotated[bool, _flag("--no-report", "Leave the records at that.", _WHEN)]

# ---------------------------------------------------------------- report

Paths = Annotated[
    list[Path],
    typer.Argument(metavar="PATH", help="Folders or files of records, from any machine."),
]
ReportFolder = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Where the report goes. Default: the first path; a report there is replaced.",
    ),
]
Formats = Annotated[
    str, typer.Option("--format", metavar="A,B,…", help="Any of html, pdf, md, latex, csv.")
]

# ---------------------------------------------------------------- truncate

Checkpoint = Annotated[
    Path,
    typer.Argument(
        metavar="CHECKPOINT", help="A run's weights or record, or what `backbones.save` wrote."
    ),
]
SmallerFile = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help="The smaller network: a .safetensors file, a note beside it. Default: beside the weights, "
        "its name ending in -cut.",
    ),
]
Tolerance = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Accuracy that may be lost on held-out rows. Default: 0.01, one point.",
    ),
]
ByTest = Annotated[
    bool,
    _flag("--test", "Cut only where held-out rows show at 95 % that less than this is lost."),
]
Depth = Annotated[
    int | None,
    typer.Option(metavar="K", help="Keep that many blocks, whatever the held-out rows say."),
]
SpeedDevice = Annotated[
    str, typer.Option(metavar="NAME", help="Where speed is measured: auto, cpu or cuda.")
]

# ---------------------------------------------------------------- list, and the whole

Kind = Annotated[str | None, typer.Argument(metavar="KIND", help=f"Only {', '.join(LISTS)}.")]
Json = Annotated[bool, _flag("--json", "For programs.")]
Version = Annotated[bool, _flag("--version", "Print the version.")]
