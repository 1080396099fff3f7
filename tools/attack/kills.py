"""The kill campaign: a command is killed before one of its changes of files, and given again until it ends."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import findings
import mutations
import safetensors
import safetensors.torch
from findings import Finding
from killed import KILLED, left, remains, run
from samples import Samples, record_bytes

from acn_bench.training import resume

GOLDEN = (
    0.618034  # its multiples, less their whole parts, lie evenly in [0, 1] however many there are
)
MOST_KILLS = 3  # of one case


@dataclass(frozen=True)
class Line:
    """A command, and what it leaves undisturbed."""

    words: Callable[[Path], list[str]]  # takes the folder that it may change
    whole: dict[str, Any]
    changes: int  # of files


@dataclass(frozen=True)
class Lines:
    """The commands that write files."""

    run: Line
    report: Line
    truncate: Line
    begun: Path  # a run's folder with a checkpoint in it


def prepare(samples: Samples, folder: Path) -> Lines:
    """Run each command once, undisturbed, and a run up to its first record."""
    records = folder / "records"
    records.mkdir(parents=True)
    for k, record in enumerate(samples.records[:4]):
        (records / f"{k}.json").write_bytes(record_bytes(record))
    weights = folder / "net.safetensors"
    weights.write_bytes(samples.weights)

    def run_words(out: Path) -> list[str]:
        return ["run", str(samples.card), "--out", str(out), "--jobs", "1", "--no-report"]

    def report_words(out: Path) -> list[str]:
        return ["report", str(records), "--out", str(out), "--format", "csv,md,latex"]

    def truncate_words(out: Path) -> list[str]:
        return ["truncate", str(weights), "--depth", "1", "--out", str(out / "cut.safetensors")]

    lines = [
        _undisturbed(words, folder / name)
        for words, name in ((run_words, "run"), (report_words, "report"), (truncate_words, "truncate"))
    ]  # fmt: skip
    begun = folder / "begun" / "out"
    outcome, _ = run(run_words(begun), begun.parent, begun, _first_record)
    if outcome.code != KILLED or not list(begun.rglob("checkpoints/*.safetensors")):
        raise RuntimeError(f"no checkpoint was written: exit code {outcome.code}, {outcome.errors}")
    return Lines(*lines, begun)


def _first_record(path: str, _: int) -> bool:
    return path.endswith(".json") and "/records/" in path


def _undisturbed(words: Callable[[Path], list[str]], folder: Path) -> Line:
    out = folder / "out"
    outcome, changes = run(words(out), folder, out)
    if outcome.code or (faults := findings.of(outcome).faults):
        raise RuntimeError(f"{' '.join(words(out))}: {outcome.errors or faults}")
    return Line(words, left(out), changes)


def kill(random: Random, number: int, folder: Path, lines: Lines) -> Finding:
    """Kill a command once or more, then let it end: it must leave what it leaves undisturbed."""
    line = {7: lines.report, 8: lines.truncate}.get(number % 9, lines.run)
    out, kills = folder / "out", 0
    at = 1 + int(number * GOLDEN % 1 * line.changes)
    while True:
        more = at if kills < MOST_KILLS else 0
        outcome, _ = run(line.words(out), folder, out, lambda _, change, more=more: change == more)
        if outcome.code != KILLED:
            break
        kills += 1
        if wrong := _other(line.whole, left(out), complete=False):
            return Finding("neither", wrong, outcome.seconds, kills)
        at = random.choice((0, random.randint(1, line.changes)))
    finding = findings.of(outcome)
    faults = [*finding.faults, *_other(line.whole, left(out), complete=True)]
    faults += [f"{name} is left behind" for name in remains(out)]
    if outcome.code:
        faults.append(f"exit code {outcome.code}: {outcome.errors.strip():.300}")
    return replace(finding, faults=faults, kills=kills)


def _other(whole: dict[str, Any], found: dict[str, Any], *, complete: bool) -> list[str]:
    """What is there and should not be, what is different, and what is missing, if all should be there."""
    faults = [f"{name} should not be there" for name in found if name not in whole]
    faults += [f"{name} is not what it is undisturbed" for name in found if found[name] != whole.get(name, found[name])]  # fmt: skip
    return faults + [f"{name} is lost" for name in whole if complete and name not in found]


# ---------------------------------------------------------------- checkpoints


def damaged_checkpoint(random: Random, number: int, folder: Path, lines: Lines) -> Finding:
    """Go on from a damaged or forged checkpoint: by a plan alone, or, one in eight, to the end."""
    out = folder / "out"
    shutil.copytree(lines.begun, out)
    (path,) = out.rglob("checkpoints/*.safetensors")
    forged = random.random() < 0.5
    raw = path.read_bytes()
    path.write_bytes(_forged(path, random) if forged else mutations.damaged(raw, random))
    to_the_end = number % 8 == 0
    words = lines.run.words(out) + ([] if to_the_end else ["--dry-run"])
    outcome, _ = run(words, folder, out)
    finding = findings.of(outcome)
    faults = list(finding.faults)
    if outcome.code:
        faults.append(f"exit code {outcome.code}: {outcome.errors.strip():.300}")
    if to_the_end:
        # a forged state that fits is the run's own, as far as anybody can tell
        found = left(out)
        faults += [f"{name} is lost" for name in lines.run.whole if name not in found]
        faults += [] if forged else _other(lines.run.whole, found, complete=True)
        faults += [f"{name} is left behind" for name in remains(out)]
    return replace(finding, faults=faults)


def _forged(path: Path, random: Random) -> bytes:
    """The checkpoint with another state or share, and a checksum that fits."""
    with safetensors.safe_open(path, "pt") as file:
        header = dict(file.metadata())
    tensors = safetensors.torch.load_file(path)
    how = random.choice(("share", "state", "state", "tensor", "header"))
    if how == "share":
        header["share"] = random.choice(mutations.WORDS)
    elif how == "state":
        header["state"] = mutations.edited(resume._json(header["state"]), random)
    elif how == "tensor":
        name = random.choice(sorted(tensors))
        tensors[name] = random.choice(
            (tensors[name].flatten()[:1], tensors[name].double(), tensors[name].flatten()[:0])
        )
    else:
        header[random.choice(sorted(header))] = random.choice(mutations.WORDS)
    header = {k: v.encode("utf-8", "replace").decode() for k, v in header.items()}
    if how != "header":
        header["check"] = resume._check(tensors, header["state"], header["share"])
    return safetensors.torch.save(tensors, header)
