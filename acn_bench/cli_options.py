"""The options of each command with their help texts, as the types of `cli`'s parameters."""

from pathlib import Path
from typing import Annotated

import typer

LISTS = ("benchmarks", "strategies", "backbones", "data", "corruptions", "metrics")

_WHAT, _WHERE, _WHEN = "What to run", "Where and how", "Before and after"


def _flag(name: str, text: str, panel: str | None = None) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        name, metavar="", help=text, rich_help_panel=panel
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
        help="Networks: ac_mixer,residual_mixer; a variant: ac_mixer:released; your own: "
        "my.module:factory. Default: the card's.",
    ),
]
Checkpoints = Annotated[
    list[str] | None,
    typer.Option(
        "--checkpoint",
        metavar="PATH",
        rich_help_panel=_WHAT,
        help="Measure trained networks in place of training: a weights file, a folder of runs, a .pt file of RobustBench's "
        "zoo, or my.module:function, which returns a module of images in [0, 1]. For robustness benchmarks. May be repeated.",
    ),
]
Strategies = Annotated[
    str | None,
    typer.Option(
        metavar="A,B,…",
        rich_help_panel=_WHAT,
        help="Continual-learning strategies: naive,si; or all. Default: the card's.",
    ),
]
Seeds = Annotated[
    str | None,
    typer.Option(
        metavar="0,1|0-4",
        rich_help_panel=_WHAT,
        help="Each seed sets class order, weights, data order and noise. Default: the card's.",
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=_WHAT,
        help="Another data set than the card's; digits100 is embedded, without a download.",
    ),
]
Attack = Annotated[
    str | None,
    typer.Option(
        metavar="linf",
        rich_help_panel=_WHAT,
        help="Attack the test images too: linf, by AutoAttack; the cheap attack: --set attack_method=apgd. The plan "
        "names the cost. For robustness benchmarks; the same as --set attack=linf.",
    ),
]
Epsilon = Annotated[
    str | None,
    typer.Option(
        metavar="8/255",
        rich_help_panel=_WHAT,
        help="The largest change of a value in [0, 1] by the attack; the same as --set epsilon=8/255. Default: the card's.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        rich_help_panel=_WHAT,
        help="Change a value of the card: --set epochs=3; several values make a sweep: --set "
        "depth=5,10,15. Keys: benchmark.*, backbone.*, strategy.NAME.*, seed.order|init|data|noise and "
        "precision; the last word is enough if it is unique. May be repeated.",
    ),
]
Quick = Annotated[
    bool,
    _flag(
        "--quick",
        "A shortened protocol, in seconds instead of minutes. Its figures are not comparable.",
        _WHAT,
    ),
]
Cache = Annotated[
    bool,
    _flag(
        "--cache",
        "Decode photographs once, into a file of uint8 squares from which crops are drawn; the same as --set cached=true.",
        _WHAT,
    ),
]
DataRoot = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        rich_help_panel=_WHERE,
        help="Folder of the data sets. Default: $ACN_BENCH_DATA, else ~/.cache/acn_bench.",
    ),
]
RunsFolder = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="DIR",
        rich_help_panel=_WHERE,
        help="Folder for records, weights and reports.",
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
        help="Runs at a time, over all devices in turn. 0: one per CPU core; one per GPU, or up to 4 where the memory "
        "that records of other seeds measured leaves room.",
    ),
]
Processes = Annotated[
    int,
    typer.Option(
        min=1,
        max=1024,
        metavar="N",
        rich_help_panel=_WHERE,
        help="Processes of each run, as torchrun would start them, each on a core or a GPU. For benchmarks "
        "of the kinds supervised, mlm and glue.",
    ),
]
Share = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        rich_help_panel=_WHERE,
        help="Be worker I of N, from 1/8 to 8/8, on one --out: make your share of the runs, then those that nobody has "
        "begun.",
    ),
]
Lock = Annotated[
    str,
    typer.Option(
        metavar="KIND",
        rich_help_panel=_WHERE,
        help="How commands that share --out exclude each other: flock, lease, or auto by the file system.",
    ),
]
Executor = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        rich_help_panel=_WHERE,
        help="Who makes the runs: local, processes on this machine; ray, tasks of a Ray cluster.",
    ),
]
Address = Annotated[
    str,
    typer.Option(
        metavar="HOST:PORT",
        rich_help_panel=_WHERE,
        help="The Ray cluster; auto: the one that this machine belongs to.",
    ),
]
TimeLimit = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        rich_help_panel=_WHERE,
        help="Save the runs and end with 75 before this time is over: 50m, 12h, 1-12:00:00. The same command "
        "resumes them.",
    ),
]
DryRun = Annotated[bool, _flag("--dry-run", "Print the plan and stop.", _WHEN)]
Devices = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=100_000,
        metavar="N",
        rich_help_panel=_WHEN,
        help="With --dry-run: what a training on N devices takes, by arithmetic: memory, FLOPs, communication and "
        "hours, for DDP and FSDP. Needs no data where the original set's sizes are known.",
    ),
]
Speed = Annotated[
    float | None,
    typer.Option(
        min=0.001,
        metavar="IMAGES/S",
        rich_help_panel=_WHEN,
        help="With --devices: the training speed of one device, measured elsewhere. Default: steps are timed here.",
    ),
]
Again = Annotated[
    bool,
    _flag("--again", "Repeat runs that have a record; the report uses the newest record.", _WHEN),
]
Trackers = Annotated[
    str | None,
    typer.Option(
        "--track",
        metavar="A,B,…",
        rich_help_panel=_WHEN,
        help="Log losses of trainings to tensorboard, wandb or mlflow, where installed. For kinds that the trainer trains.",
    ),
]
NoReport = Annotated[bool, _flag("--no-report", "Write records, but no report.", _WHEN)]

# ---------------------------------------------------------------- submit, status

Workers = Annotated[
    int,
    typer.Option(min=1, max=100_000, metavar="N", help="Jobs that share the runs between them."),
]
DrySubmit = Annotated[
    bool, _flag("--dry-run", "Print the script, and what the plan takes; submit nothing.")
]
Watched = Annotated[
    Path,
    typer.Argument(metavar="OUT", help="The folder that `run` or `submit` was given as --out."),
]

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
        help="Folder for the report. Default: the first path; an existing report is replaced.",
    ),
]
Formats = Annotated[
    str, typer.Option("--format", metavar="A,B,…", help="Any of html, pdf, md, latex, csv.")
]

Before = Annotated[
    list[Path] | None,
    typer.Option(
        "--against",
        metavar="OLD",
        help="Earlier records of the same runs: say which code, libraries and figures changed since. May be repeated.",
    ),
]

# ---------------------------------------------------------------- truncate

Checkpoint = Annotated[
    Path,
    typer.Argument(
        metavar="CHECKPOINT", help="A run's weights or record, or a file from `backbones.save`."
    ),
]
SmallerFile = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help="The smaller network, a .safetensors file; a note with the same name is written next to it. "
        "Default: next to the weights, with -cut at the end of the name.",
    ),
]
Tolerance = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Accuracy that may be lost on held-out rows. Default: 0.01 (one point).",
    ),
]
ByTest = Annotated[
    bool,
    _flag(
        "--test",
        "Require a test on held-out rows: at 95 % confidence, the loss is below the tolerance.",
    ),
]
Depth = Annotated[
    int | None,
    typer.Option(metavar="K", help="Keep K blocks, without a choice by held-out rows."),
]
SpeedDevice = Annotated[
    str, typer.Option(metavar="NAME", help="Device to measure speed on: auto, cpu or cuda.")
]

# ---------------------------------------------------------------- list, and the whole

Kind = Annotated[str | None, typer.Argument(metavar="KIND", help=f"One of {', '.join(LISTS)}.")]
Json = Annotated[bool, _flag("--json", "Print JSON.")]
Version = Annotated[bool, _flag("--version", "Print the version.")]
