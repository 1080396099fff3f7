"""A run's weights and its record -> a smaller network in one file, and a note of what was cut."""

import copy
import hashlib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Literal

import msgspec
import torch
from torch import Tensor, nn

from acn_bench import backbones, records, run_folder
from acn_bench import device as devices
from acn_bench.analysis import depth_metrics, noninferiority
from acn_bench.analysis.final_model import final_model
from acn_bench.backbones import Backbone, MultiHead, weights_file
from acn_bench.backbones.backbone import TextBackbone
from acn_bench.evaluation import correctness, cost, throughput
from acn_bench.evaluation.throughput import Throughput
from acn_bench.record import Record
from acn_bench.spec import Struct

SCHEMA = 1
ENDING = ".safetensors"
BATCH = 64  # examples at once where speed is measured
CUT_FROM = "cut_from"  # the word in the header of a cut network

Network = Backbone | MultiHead


@dataclass(frozen=True)
class Choice:
    """How many blocks stay: `depth` by hand; else within `tolerance`, by the mean or by the test."""

    tolerance: float | None = None  # a loss in accuracy, in [0, 1); TOLERANCE where none is said
    by_test: bool = False
    depth: int | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a tolerance that cannot be, or for two choices at once."""
        if not 0 <= self.allowed < 1:
            raise ValueError(
                "--tolerance is a loss in accuracy from 0 to below 1 (0.01 is one point), not "
                f"{self.allowed:g}"
            )
        if self.depth is not None and (self.by_test or self.tolerance is not None):
            other = "--test by a test" if self.by_test else "--tolerance by held-out rows"
            raise ValueError(f"--depth chooses by hand and {other}: take one of them")
        if self.by_test and self.tolerance == 0:
            raise ValueError(
                "--test needs a --tolerance above 0: no test can show that nothing is lost"
            )

    @property
    def allowed(self) -> float:
        """The loss in accuracy that a choice by held-out rows allows."""
        return depth_metrics.TOLERANCE if self.tolerance is None else self.tolerance

    @property
    def name(self) -> Literal["by hand", "by test", "by tolerance"]:
        """For the note."""
        if self.depth is not None:
            return "by hand"
        return "by test" if self.by_test else "by tolerance"


class Count(Struct, frozen=True, kw_only=True):
    """A number of the whole network and of the cut one."""

    before: int
    after: int


class Accuracy(Struct, frozen=True, kw_only=True):
    """Of the whole network and of the cut one, mean over experiences, as the run measured it."""

    before: float
    after: float


class Enough(Struct, frozen=True, kw_only=True):
    """Blocks that held-out rows find enough at one tolerance; null where a rule cannot say."""

    tolerance: float
    by_tolerance: int | None
    by_test: int | None


class Cut(Struct, frozen=True, kw_only=True):
    """The note: what was cut from what, why there, and what it changes."""

    schema: int = SCHEMA
    checkpoint: str  # the file's name
    sha256: str  # of that file
    run_id: str | None  # null where it has no record
    backbone: str
    blocks: Count
    chosen: Literal["by hand", "by test", "by tolerance"]
    tolerance: float | None  # null by hand
    held_out: int | None  # examples that it was chosen on; null by hand
    enough: list[
        Enough
    ]  # by each rule at each of `depth_metrics.TOLERANCES`; empty without a record
    validation_accuracy: Accuracy | None  # on held-out rows; null without a record
    test_accuracy: Accuracy | None
    parameters: Count
    flops: Count  # of one example forward, 2 per multiply-add
    bytes: Count  # of the two files
    speed: Throughput


def truncate(
    source: Path, out: Path | None, choice: Choice, device: torch.device
) -> tuple[Cut, list[Path]]:
    """Cut the network in `source`, and write it to `out` with a note (JSON) beside it: the note, the paths.

    `source` is a run's weights, its record, or a file that `backbones.save` wrote. Where `out` is None, it is
    `<name>-cut.safetensors` beside the weights. Raises LookupError where
    a file is missing; ValueError for one of another kind, for a choice that cannot be made, and for a place
    that cannot be written. Then nothing was written.
    """
    weights, beside = _files(source)
    said = weights_file.header(weights)
    if said.backbone.function:
        raise ValueError(
            f"{weights}: a network of {said.backbone.function} has no depths to cut at"
        )
    out = out or weights.with_name(f"{weights.stem}-cut{ENDING}")
    _check_place(out, weights)
    record = _record(weights, beside)
    k = _chosen(record, beside, choice) if choice.depth is None else choice.depth
    whole = backbones.load(weights)
    cut = whole.truncated(k) if isinstance(whole, MultiHead) else backbones.truncate(whole, k)
    flops, speed = _measured(whole, cut, device)

    weights_file.write(cut, out, {CUT_FROM: weights.name})
    by_hand = choice.depth is not None
    note = Cut(
        checkpoint=weights.name,
        sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
        run_id=record.run_id if record else None,
        backbone=said.backbone.name,
        blocks=Count(before=whole.depth, after=k),
        chosen=choice.name,
        tolerance=None if by_hand else choice.allowed,
        held_out=None if by_hand or not record else final_model(record).held_out,
        enough=_enough(record),
        validation_accuracy=_accuracy(record, "validation", k),
        test_accuracy=_accuracy(record, "test", k),
        parameters=Count(before=cost.parameters(whole), after=cost.parameters(cut)),
        flops=flops,
        bytes=Count(before=weights.stat().st_size, after=out.stat().st_size),
        speed=speed,
    )
    with run_folder.atomic(_note(out)) as part:
        part.write_bytes(msgspec.json.format(msgspec.json.encode(note), indent=1))
    return note, [out, _note(out)]


def rows(cut: Cut) -> list[tuple[str, str, str, str]]:
    """(what, before, after, remark) for a person to read."""

    def number(what: str, pair: Count, scale: float, unit: str) -> tuple[str, str, str, str]:
        before, after = (f"{n / scale:,.3g} {unit}" for n in (pair.before, pair.after))
        return what, before, after, f"{100 * (pair.after / pair.before - 1):+.0f} %"

    def accuracy(what: str, pair: Accuracy) -> tuple[str, str, str, str]:
        points = 100 * (pair.after - pair.before)
        return (
            what,
            f"{100 * pair.before:.1f} %",
            f"{100 * pair.after:.1f} %",
            f"{points:+.1f} points",
        )

    found = [("blocks", str(cut.blocks.before), str(cut.blocks.after), _why(cut))]
    if cut.enough:
        found.append(("enough blocks", "", "", "; ".join(map(_found_enough, cut.enough))))
    if cut.validation_accuracy:
        found.append(accuracy("held-out accuracy", cut.validation_accuracy))
    if cut.test_accuracy:
        found.append(accuracy("test accuracy", cut.test_accuracy))
    speed = cut.speed
    found += [
        number("parameters", cut.parameters, 1e6, "M"),
        number("work per example", cut.flops, 1e9, "GFLOPs"),
        number("file", cut.bytes, 2**20, "MiB"),
        (
            "examples per second",
            f"{speed.before.median:,.0f}",
            f"{speed.after.median:,.0f}",
            f"{speed.speed_up:.2f}× ({speed.speed_up_lowest:.2f} to {speed.speed_up_highest:.2f}), "
            f"batches of {speed.batch}, {speed.device}",
        ),
    ]
    return found


def _found_enough(enough: Enough) -> str:
    by_tolerance, by_test = (
        "–" if k is None else str(k) for k in (enough.by_tolerance, enough.by_test)
    )
    return f"{by_tolerance} at {100 * enough.tolerance:g} points, {by_test} by test"


def _why(cut: Cut) -> str:
    if cut.tolerance is None:
        return cut.chosen
    rule = f"{cut.chosen} {cut.tolerance:g}, on {cut.held_out:,} held-out examples"
    return f"{rule}: nothing to cut" if cut.blocks.before == cut.blocks.after else rule


# ---------------------------------------------------------------- files


def _files(source: Path) -> tuple[Path, Path]:
    """Where the weights lie, and where their record would: below a run's folder, or side by side."""
    if source.is_dir():
        found = sorted(source.rglob(f"weights/*{ENDING}"))
        more = f", e.g. {found[0]}" if found else ""
        raise LookupError(f"{source} is a folder: name one file of weights{more}")
    if source.suffix not in (ENDING, ".json"):
        raise ValueError(f"{source} is neither weights ({ENDING}) nor a record (.json)")
    if source.parent.name in ("weights", "records"):
        run = source.parent.parent
        return run / "weights" / f"{source.stem}{ENDING}", run / "records" / f"{source.stem}.json"
    return source.with_suffix(ENDING), source.with_suffix(".json")


def _record(weights: Path, beside: Path) -> Record | None:
    """The record of these weights; None where there is none, as beside a network that was cut before."""
    words = weights_file.about(weights)
    if CUT_FROM in words or not beside.is_file():
        return None
    record = records.load(beside)
    if words.get("run_id") != record.run_id:
        raise ValueError(f"{beside} is the record of {record.run_id}, and {weights} of another run")
    return record


def _note(out: Path) -> Path:
    return out.with_suffix(".json")


def _check_place(out: Path, weights: Path) -> None:
    """Raise ValueError where `out` cannot be written, or where something else would be lost."""
    if out.suffix != ENDING:
        raise ValueError(f"--out: {out} must end in {ENDING}")
    if out.exists() and out.samefile(weights):
        raise ValueError(f"--out: {out} is the network that is to be cut; take another name")
    for path in (out, _note(out)):
        if path.exists() and not _is_cut(out):
            raise ValueError(
                f"--out: {path} is there already, and of no cut network; take another name"
            )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out.parent):
            pass
    except OSError as e:
        raise ValueError(f"--out: {out.parent} cannot be written: {e.strerror or e}") from e


def _is_cut(path: Path) -> bool:
    try:
        return CUT_FROM in weights_file.about(path)
    except (LookupError, ValueError):
        return False


# ---------------------------------------------------------------- the choice


def _chosen(record: Record | None, beside: Path, choice: Choice) -> int:
    """The depth that the held-out rows choose. Raises where they cannot."""
    by_hand = "--depth K cuts by hand"
    if record is None:
        raise LookupError(f"there is no run's record at {beside} to choose a depth by; {by_hand}")
    if depth_metrics.depth_curve(record, "validation") is None:
        raise ValueError(f"{beside} has no accuracy by depth to choose by; {by_hand}")
    if depth_metrics.utilised_depth(record) is None:
        raise ValueError(
            f"{record.run_id} is not above guessing even at full depth, so no depth can be chosen; {by_hand}"
        )
    find = depth_metrics.sufficient_depth if choice.by_test else depth_metrics.utilised_depth
    k = find(record, choice.allowed)
    if k is None:  # by test alone: what else could be missing was told above
        count = final_model(record).held_out
        few = not noninferiority.shown(0, 0, count, choice.allowed)
        raise ValueError(
            f"{count} held-out examples are too few to show that less than {choice.allowed:g} is lost; "
            "take a larger --tolerance, or leave --test out"
            if few
            else f"{beside} was made before the counts that --test needs; leave it out"
        )
    return k


def _enough(record: Record | None) -> list[Enough]:
    if record is None:
        return []
    return [
        Enough(
            tolerance=tolerance,
            by_tolerance=depth_metrics.utilised_depth(record, tolerance),
            by_test=depth_metrics.sufficient_depth(record, tolerance),
        )
        for tolerance in depth_metrics.TOLERANCES
    ]


def _accuracy(
    record: Record | None, split: Literal["test", "validation"], k: int
) -> Accuracy | None:
    curve = depth_metrics.depth_curve(record, split) if record else None
    return Accuracy(before=curve[-1], after=curve[k]) if curve else None


# ---------------------------------------------------------------- cost and speed


class _FirstHead(nn.Module):
    """A network as a function of one batch: with a head each, through the first."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.network(x, 0) if isinstance(self.network, MultiHead) else self.network(x)
        return out


def _measured(whole: Network, cut: Network, device: torch.device) -> tuple[Count, Throughput]:
    """FLOPs of one example through either network, and the speed of both on the device."""
    batch = _batch(whole.backbone if isinstance(whole, MultiHead) else whole)
    before, after = (_FirstHead(copy.deepcopy(network)) for network in (whole, cut))
    work = Count(before=cost.flops(before, batch[:1]), after=cost.flops(after, batch[:1]))
    before, after, batch = before.to(device), after.to(device), batch.to(device)
    with correctness.evaluating(before), correctness.evaluating(after):
        speed = throughput.throughput(before, after, batch, devices.describe(device))
    return work, speed


def _batch(backbone: Backbone) -> Tensor:
    """Noise: what is seen does not change how long it takes."""
    if isinstance(backbone, TextBackbone):
        return torch.ones(BATCH, *backbone.shape, dtype=torch.long)
    return torch.rand(BATCH, *backbone.shape, generator=torch.Generator().manual_seed(0))
