"""A session -> its plan on the terminal: data, protocol, machine, runs, and roughly how long they take."""

import torch
from rich.console import Console
from rich.markup import escape

from acn_bench import device, wording
from acn_bench.data.data_set import DataSet, describe_counts
from acn_bench.execution import estimate
from acn_bench.execution.session import Session
from acn_bench.plan import missing_bounds
from acn_bench.printable import one_line
from acn_bench.registry import KINDS
from acn_bench.wording import listed, plural


def print_plan(session: Session, console: Console) -> None:
    """Print the plan before it runs."""
    finished = [session.finished(config) for config in session.configs]
    intent = escape(one_line(session.card.intent))
    console.print(f"[bold]{session.card.name}[/bold]  {intent}", soft_wrap=True)
    for k, data in enumerate(session.data):
        _print_line(console, "" if k else "data", _data(data))
    for k, sentence in enumerate(
        dict.fromkeys(KINDS.load(c.benchmark.kind).describe(c) for c in session.configs)
    ):
        _print_line(console, "or" if k else "protocol", sentence)
    for sentence in _expenses(session):
        _print_line(console, "cost", sentence)
    _print_line(console, "machine", _machine(session))
    _print_line(console, "locks", session.lock_reason)
    console.print(session.table.table(session.configs, finished))
    for config, share in zip(session.configs, session.shares, strict=True):
        if share:
            text = f"{session.table.name(config)} from its checkpoint at {100 * share:.0f} %"
            _print_line(console, "resumes", text)
    for sentence in session.excluded:
        _print_line(console, "excluded", sentence)
    if missing := missing_bounds(session.configs):
        _print_line(console, "baselines", f"not run: {missing}")
    console.print(_total(session, finished))


def _print_line(console: Console, title: str, text: str) -> None:
    console.print(f"{title:<10} {one_line(text)}", soft_wrap=True, markup=False)


def _data(data: DataSet) -> str:
    part = "" if data.canonical or not data.origin_known else ", not the full original set"
    return f"{data.name}, {describe_counts(data)}{part} ({data.fingerprint})"


def _expenses(session: Session) -> list[str]:
    """What is expensive in the runs of the plan, each sentence once."""
    return list(
        dict.fromkeys(
            sentence
            for config in session.configs
            for sentence in KINDS.load(config.benchmark.kind).expenses(
                config, session.data_of(config)
            )
        )
    )


def _machine(session: Session) -> str:
    names = [device.describe(torch.device(d)) for d in session.job.devices]
    counts = [f"{names.count(n)} × {n}" if names.count(n) > 1 else n for n in dict.fromkeys(names)]
    precisions = listed(list(dict.fromkeys(c.precision for c in session.configs)))
    size = session.job.world_size
    each = f" in {size} processes{' each' * (session.jobs > 1)}" if size > 1 else ""
    return f"{listed(counts)}; {plural(session.jobs, 'run')} at a time{each}, {precisions}"


def _total(session: Session, finished: list[bool]) -> str:
    """The number of runs, of finished ones and of those to do, with an estimate of their time."""
    left = [
        seconds * (1 - share)
        for seconds, share, done in zip(session.seconds, session.shares, finished, strict=True)
        if not done
    ]
    total = f"{plural(len(session.configs), 'run')}: {sum(finished)} finished, {len(left)} to do"
    if not left:
        return total
    return f"{total} in about {wording.duration(estimate.START + sum(left) / session.jobs)}"
