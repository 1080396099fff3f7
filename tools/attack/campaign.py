"""The whole attack: its options, its cases in a random order, progress, failures and counts."""

import argparse
import gc
import importlib
import os
import pkgutil
import resource
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random

import findings
import kills
from case import Make
from families import FAMILIES
from findings import Finding
from forked import command
from samples import Samples, make

KILLS = 72
CHECKPOINTS = 80
SHORT = 0.02  # of the cases of each family
REPORT_SECONDS = 10.0  # between two lines of progress

Attempt = Callable[[Random, int, Path], Finding]


def main(arguments: list[str]) -> int:
    """Run the attack; returns 1 where a case did not end as it should."""
    options = _options(arguments)
    folder = options.folder.absolute()
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "home").mkdir(parents=True)
    os.environ["HOME"] = str(folder / "home")
    print("importing everything, once", flush=True)
    import_everything()
    samples = make(folder / "samples")
    chosen = list(attempts(samples, folder))
    cases = [
        (name, attempt, number)
        for name, count, attempt in chosen
        if options.family in (None, name)
        for number in _numbers(count, options)
    ]
    if not cases:
        sys.exit(f"no such family. Known: {', '.join(name for name, *_ in chosen)}")
    Random(0).shuffle(cases)  # so that the time that is left can be told
    failed = _attack(cases, options.seed, folder)
    if not failed:
        shutil.rmtree(folder)
    return 1 if failed else 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python tools/attack",
        description="Attack the commands with damaged input and with kills.",
    )
    parser.add_argument("--seed", default="0", help="other cases for another word (0)")
    parser.add_argument("--short", action="store_true", help="one case in fifty")
    parser.add_argument("--family", help="cases of one family alone")
    parser.add_argument("--case", type=int, help="one case of each family, by its number")
    parser.add_argument("--folder", type=Path, default=Path("runs/attack"), help="what failed is kept there (runs/attack)")  # fmt: skip
    return parser.parse_args(arguments)


def _numbers(count: int, options: argparse.Namespace) -> range:
    if options.case is not None:
        return range(options.case, options.case + 1)
    return range(max(1, round(SHORT * count)) if options.short else count)


def import_everything() -> None:
    """Import what commands import; nothing of it may start a thread, for threads are not forked."""
    from acn_bench import home

    home.prepare()
    package = importlib.import_module("acn_bench")
    for module in pkgutil.walk_packages(package.__path__, "acn_bench."):
        if not any(word in module.name for word in ("timm", "transformers", "__main__")):
            importlib.import_module(module.name)
    from acn_bench.evaluation import throughput

    throughput.SECONDS = 1e-3  # speed is not what is attacked
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)  # the threads of OpenMP are not forked either
    gc.collect()
    gc.freeze()  # a collection in a child would copy all memory


def attempts(samples: Samples, folder: Path) -> Iterator[tuple[str, int, Attempt]]:
    """(name, number of cases, attempt) of each."""
    for name, (count, make_case) in FAMILIES.items():
        yield name, count, _fuzzed(make_case, samples)
    lines: list[kills.Lines] = []

    def prepared() -> kills.Lines:
        if not lines:
            lines.append(kills.prepare(samples, folder / "lines"))
        return lines[0]

    yield "checkpoints", CHECKPOINTS, lambda *a: kills.damaged_checkpoint(*a, prepared())
    yield "kills", KILLS, lambda *a: kills.kill(*a, prepared())


def _fuzzed(make_case: Make, samples: Samples) -> Attempt:
    def attempt(random: Random, _: int, folder: Path) -> Finding:
        case = make_case(random, folder, samples)
        before = _stamps(case.kept)
        allowed = (folder / "out", folder / "data" / ".acn_bench")
        finding = findings.of(command(case.words, folder / "log", allowed, case.before))
        if _stamps(case.kept) != before:
            finding = replace(finding, faults=[*finding.faults, "changes its input"])
        return finding

    return attempt


def _stamps(places: tuple[Path, ...]) -> dict[Path, tuple[int, int]]:
    files = [path for place in places for path in (place, *place.rglob("*"))]
    return {path: (path.lstat().st_size, path.lstat().st_mtime_ns) for path in files}


# ---------------------------------------------------------------- the attack and its counts


def _attack(cases: list[tuple[str, Attempt, int]], seed: str, folder: Path) -> int:
    """Make every case; prints progress, failures and counts. Returns the number of failures."""
    counts: dict[str, Counter[str]] = {
        name: Counter() for name, *_ in sorted(cases, key=lambda c: c[0])
    }
    start = last = time.monotonic()
    seconds = dict.fromkeys(counts, 0.0)  # of CPU
    failed = 0
    for done, (name, attempt, number) in enumerate(cases):
        if time.monotonic() - last > REPORT_SECONDS:
            last = time.monotonic()
            left = (last - start) / done * (len(cases) - done)
            print(
                f"{done} of {len(cases)} cases, {failed} failed, about {left:.0f} s left",
                flush=True,
            )
        place = folder / f"{name.replace(' ', '-')}-{number}"
        place.mkdir()
        finding = attempt(Random(f"{seed} {name} {number}"), number, place)
        counts[name].update({"cases": 1, finding.end: 1, "kills": finding.kills})
        seconds[name] += finding.seconds
        if finding.faults:
            failed += 1
            counts[name]["faults"] += 1
            print(f"FAILED {name} {number}: {'; '.join(finding.faults)}")
            print(f"  again: python tools/attack --seed {seed} --family '{name}' --case {number}; its files: {place}", flush=True)  # fmt: skip
        else:
            shutil.rmtree(place)
    _print_counts(counts, seconds, time.monotonic() - start)
    return failed


def _print_counts(
    counts: dict[str, Counter[str]], cpu: Mapping[str, float], seconds: float
) -> None:
    total = sum(counts.values(), Counter[str]())
    columns = ("cases", *findings.ENDS.values(), "neither", "kills", "faults")
    print(f"{'family':<16}", *(f"{column:>9}" for column in columns), f"{'CPU':>7}")
    for name, count in (*counts.items(), ("all", total)):
        spent = cpu[name] if name in cpu else sum(cpu.values())
        print(f"{name:<16}", *(f"{count[column]:>9}" for column in columns), f"{spent:>5.0f} s")
    print(
        f"{total['cases']} cases, {total['kills']} kills, {total['faults']} faults, "
        f"{seconds:.0f} s; CPU with imports: {_cpu():.0f} s"
    )


def _cpu() -> float:
    """Seconds that this process and its commands have computed."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
