"""Time pieces of work in alternation: images per second of each, with medians, spread and ratios.

Every side of a comparison runs in its own process, on one thread, with its own environment variables.
"""

import json
import multiprocessing
import statistics
import warnings
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from acn_bench import device
from acn_bench.execution import local, provenance

Timed = Callable[[], int]  # does some work; returns the number of images


class Side:
    """A process that does timed work on request; `makes` runs there and names the pieces of work.

    `clock` is the time on the wall, or with `time.process_time`, that of the processor.
    """

    def __init__(
        self,
        makes: Callable[[], dict[str, Timed]],
        environment: dict[str, str],
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, remote = context.Pipe()
        process = context.Process(target=_serve, args=(makes, remote, clock), daemon=True)
        with local.environment(environment | {"OMP_NUM_THREADS": "1"}):
            process.start()

    def speed(self, work: str) -> float:
        """Images per second of one piece of work."""
        self.pipe.send(work)
        speed: float = self.pipe.recv()
        return speed


def _serve(
    makes: Callable[[], dict[str, Timed]], pipe: Connection, clock: Callable[[], float]
) -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    works = makes()
    with suppress(EOFError):  # the parent process has ended
        while True:
            work = works[pipe.recv()]
            start = clock()
            count = work()
            pipe.send(count / (clock() - start))


def alternate(arms: dict[str, tuple[Side, str]], repetitions: int) -> dict[str, list[float]]:
    """Images per second of each arm in each repetition, after one warm-up round."""
    speeds: dict[str, list[float]] = {name: [] for name in arms}
    for repetition in range(repetitions + 1):
        for name, (side, work) in arms.items():
            speed = side.speed(work)
            if repetition:
                speeds[name].append(speed)
    return speeds


def table(title: str, speeds: dict[str, list[float]]) -> dict[str, Any]:
    """Print medians, spread and ratios to the first arm; returns them for the record."""
    reference = next(iter(speeds))
    print(f"\n{title}, n = {len(speeds[reference])}")
    base = statistics.median(speeds[reference])
    rows = {}
    for name, values in speeds.items():
        middle = statistics.median(values)
        rows[name] = {"median": middle, "ratio": middle / base, "values": values}
        spread = f"{_short(min(values))} … {_short(max(values))}"
        print(f"  {name:30} {_short(middle):>9}   {spread:20} {middle / base:5.2f}×", flush=True)
    return rows


def _short(value: float) -> str:
    """At least three significant digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def save(folder: Path, name: str, results: dict[str, Any]) -> None:
    """Write results, time, device and versions to `<folder>/<name>.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    about = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": device.describe(torch.device("cpu")).partition(",")[0] + ", one thread a side",
        "commit": provenance.commit(),
        "versions": provenance.versions(),
    }
    path.write_text(json.dumps(about | results, indent=1) + "\n")
    print(f"\nwritten to {path}")
