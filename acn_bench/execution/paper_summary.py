"""A plan on paper -> its lines and its table on the terminal."""

from rich.console import Console
from rich.table import Table

from acn_bench.data.data_set import DataSet, describe_counts
from acn_bench.data.paper_data import PaperData
from acn_bench.execution.paper import PaperPlan, PaperRun
from acn_bench.execution.plan_table import PlanTable
from acn_bench.wording import plural

GB = 1e9
COLUMNS = ("weights", "gradients", "optimizer", "activations", "memory", "sent a step")


def print_paper(plan: PaperPlan, console: Console) -> None:
    """Print what each training takes; bytes in GB, those of one device."""
    for data in plan.data:
        _print_line(console, "data", _data(data))
    for sentence in dict.fromkeys(_steps(run, plan.devices) for run in plan.runs):
        _print_line(console, "steps", sentence)
    _print_line(console, "memory", "GB of one device: tensors at the peak of a step; an allocator and libraries take more")  # fmt: skip
    _print_line(console, "images/s", plan.speed_source)
    names = PlanTable([run.config for run in plan.runs])
    for run in plan.runs:
        console.print()
        name = names.of_any_seed(run.config)
        console.print(f"{name}  {_work(run, plan.devices)}", soft_wrap=True, markup=False)
        console.print(_table(run))
        for made in run.plans.values():
            if isinstance(made, str):
                console.print(made, soft_wrap=True, markup=False)


def _print_line(console: Console, title: str, text: str) -> None:
    console.print(f"{title:<10} {text}", soft_wrap=True, markup=False)


def _data(data: DataSet) -> str:
    where = "; no files here: the sizes of the original set" if isinstance(data, PaperData) else ""
    return f"{data.name}, {describe_counts(data)}{where}"


def _steps(run: PaperRun, devices: int) -> str:
    recipe, rows, made = run.recipe, run.rows, run.planned
    passes = "" if made is None else f", {plural(made.images, 'image')} a pass"
    return (
        f"{plural(recipe.epochs, 'epoch')} of {plural(rows, 'row')}, {plural(recipe.steps(rows), 'step')} of "
        f"{recipe.batch_size} each; {plural(devices, 'device')}{passes}"
    )


def _work(run: PaperRun, devices: int) -> str:
    """Parameters, FLOPs and hours, whatever the wrapping."""
    made, hours = run.planned, run.hours(devices)
    parts = []
    if made is not None:
        parts = [
            f"{made.parameters:,} parameters",
            f"{_short(made.epoch_flops(run.rows) / 1e12)} TFLOPs an epoch",
        ]
    if run.speed is None or hours is None:
        parts.append("too large to be timed here: --speed gives its hours")
    else:
        parts.append(f"{_short(run.speed)} images/s a device: {_short(hours)} hours")
    return ", ".join(parts)


def _table(run: PaperRun) -> Table:
    """A row for each wrapping."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("", *COLUMNS):
        table.add_column(title, justify="right" if title else "left")
    for wrapping, made in run.plans.items():
        if isinstance(made, str):
            continue
        sizes = (made.weights, made.gradients, made.optimizer, made.activations, made.total, made.communication)  # fmt: skip
        table.add_row(wrapping, *(_short(size / GB) for size in sizes))
    return table


def _short(value: float) -> str:
    """Three significant digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
