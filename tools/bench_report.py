"""Measure reports over many runs: seconds, CPU seconds, peak memory and bytes of each format.

python tools/bench_report.py [--runs 24,72,240,1000] [--formats html,pdf,md,latex,csv] [--out runs/bench_report]

The runs are synthetic: measurements are those of a published folder, under other strategies, learning rates and
seeds. Every report is made by a process of its own; "load" reads the records and does nothing with them.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from time import perf_counter

from msgspec.structs import replace

from acn_bench import catalog, records
from acn_bench.config import Seeds
from acn_bench.records import Record
from acn_bench.reports import FORMATS

PUBLISHED = Path(__file__).parent.parent / "reports" / "2026-11-24-split-cifar100-table3-subset"
STRATEGIES = (
    *("naive", "si", "ewc", "mas", "lwf", "replay", "agem", "gem", "der", "derpp"),
    *("si_limited", "cumulative"),
)
RATES = (0.001, 0.0005, 0.002, 0.0001, 0.005, 0.00005, 0.01)
SEEDS, MEASURED = range(3), 5  # seeds of a group, seeds of the published folder
LOAD = "import sys, pathlib; from acn_bench import records; records.load_all([pathlib.Path(sys.argv[1])])"


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    elapsed: float  # seconds
    seconds: float  # of CPU, its children's included
    mib: float  # at its peak, of the largest process
    size: int  # bytes of the files it made


def synthetic() -> Iterator[Record]:
    """Records of pairs, group by group: strategies first, then variants, depths and learning rates."""
    donors = {
        (b.wiring, b.variant, b.depth, r.config.strategy.name == "si", r.config.seeds.order): r
        for r in records.load_all([PUBLISHED])
        if (b := r.config.backbone)
    }
    settings = product(RATES, (5, 10), ("plain", "released"), enumerate(STRATEGIES))
    for rate, depth, variant, (k, strategy) in settings:
        for seed, wiring in product(SEEDS, ("ac", "residual")):
            donor = donors[wiring, variant, depth, k % 2 == 1, (seed + k) % MEASURED]
            config = replace(
                donor.config,
                benchmark=replace(donor.config.benchmark, learning_rate=rate),
                strategy=catalog.strategy(strategy).options,
                seeds=Seeds(order=seed, init=seed, data=seed, noise=seed),
            )
            yield replace(donor, config=config, run_id=config.run_id)


def saved(count: int, out: Path) -> Path:
    """A folder with so many records."""
    folder = out / f"{count}" / "records"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    for record in islice(synthetic(), count):
        records.save(record, folder)
    if (made := len(list(folder.glob("*.json")))) != count:
        raise ValueError(f"there are {made} synthetic runs at most, not {count}")
    return folder.parent


def cost(command: list[str], out: Path) -> Cost:
    """Run a command that writes into `out`, and measure it. Raises RuntimeError where it fails."""
    out.mkdir(parents=True, exist_ok=True)
    for old in out.iterdir():
        old.unlink()
    began = perf_counter()
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    elapsed = perf_counter() - began
    if status:
        raise RuntimeError(f"{' '.join(command)} ended with {status}")
    size = sum(path.stat().st_size for path in out.iterdir())
    return Cost(elapsed, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, size)


def main() -> None:
    """Measure and print a table, one line a report."""
    parser = argparse.ArgumentParser(description="Cost of reports over many runs.")
    parser.add_argument("--runs", default="24,72,240,1000")
    parser.add_argument("--formats", default=",".join(("load", *FORMATS)))
    parser.add_argument("--out", type=Path, default=Path("runs/bench_report"))
    options = parser.parse_args()
    print(f"{'runs':>5}  {'format':<6}  {'s':>6}  {'CPU, s':>8}  {'peak, MiB':>9}  {'MB':>8}")
    for count in map(int, options.runs.split(",")):
        folder = saved(count, options.out)
        for name in options.formats.split(","):
            out = folder / name
            report = ["-m", "acn_bench", "report", str(folder / "records"), "--out", str(out)]
            load = ["-c", LOAD, str(folder / "records")]
            used = cost(load if name == "load" else [*report, "--format", name], out)
            cells = (
                f"{used.elapsed:6.1f}  {used.seconds:8.1f}  {used.mib:9.0f}  {used.size / 1e6:8.2f}"
            )
            print(f"{count:5}  {name:<6}  {cells}", flush=True)


if __name__ == "__main__":
    main()
