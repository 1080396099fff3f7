"""What was measured: one JSON file a run, raw measurements only; save and load.

A `RunResult` and its `RunRecord` keep evidence, not conclusions: `metrics` computes what follows from it
when a record is read.
"""

import os
import re
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec

from acn_bench import validation
from acn_bench.run_folder import atomic
from acn_bench.spec import Precision, RunConfig, Struct

SCHEMA = 1
CHECKPOINT_INTERVAL = 10.0  # seconds between two checkpoints of a run, at least

Matrix = list[list[float | None]]  # [i][j]: experience j after learning experience i
DepthMatrix = list[list[list[float] | None]]  # [i][j][k]: after 0 … L blocks


class NoiseResult(Struct, frozen=True, kw_only=True):
    """Accuracy on test images that were corrupted at one level."""

    corruption: str
    level: float
    accuracy: Matrix


class Validation(Struct, frozen=True, kw_only=True):
    """The same measurements on the held-out training rows: what anything is selected on."""

    accuracy: Matrix
    depth_accuracy: DepthMatrix | None  # null where the network has no depths
    counts: list[int]  # held-out examples of each experience
    # (L+1, 2) at the end of the stream, over all held-out examples: how many each depth loses, and gains,
    # against full depth; null where the network has no depths, and in records made before it was counted
    changes: list[list[int]] | None = None
    probe_accuracy: list[list[float]] | None = None  # as on test images


class Seconds(Struct, frozen=True, kw_only=True):
    """Wall-clock time."""

    train: float
    evaluate: float


class Result(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What a run of any kind leaves; the subclass is the kind, and adds what was measured. L blocks."""

    parameters: list[int]  # (L+1,) of the network cut to k blocks, all its heads included
    flops: list[int]  # (L+1,) of one image forward, 2 per multiply-add
    seconds: Seconds
    peak_memory: int  # bytes: of the process on the CPU, of the allocator on a GPU
    images_seen: int  # in training steps, replayed ones included
    precision: Precision


class ContinualResult(Result, frozen=True, kw_only=True, tag="continual"):
    """Raw measurements of a continual run. T experiences, L blocks."""

    classes: list[list[int]]  # original ids, a list per experience
    accuracy: Matrix  # (T, T) on test images
    masked_accuracy: Matrix | None = (
        None  # the same, each experience among its own classes alone; one head
    )
    initial_accuracy: list[float] | None  # (T,) before training; null with a head each
    depth_accuracy: DepthMatrix | None  # (T, T, L+1); null where the network has no depths
    # (T, L+1) of the final model, by a linear probe of each depth; null where none was asked for
    probe_accuracy: list[list[float]] | None = None
    noise: list[NoiseResult]
    validation: Validation
    test_counts: list[int]  # test examples of each experience
    train_loss: list[list[float]]  # per experience and epoch


class Accuracy(Struct, frozen=True, kw_only=True):
    """On both sets of rows after 0 … L blocks, (L+1,); one value where the network has no depths."""

    validation: list[float]  # on held-out training rows
    test: list[float]


class Trained(Struct, frozen=True, kw_only=True):
    """One training on one data set, and the network that it ended with."""

    train_loss: list[float]  # per check: an epoch, or the part of one that the protocol says
    held_out: list[float]  # accuracy at full depth on the held-out rows, at each check
    accuracy: Accuracy  # after the last check, through the head that was trained
    # (L+1, 2) over the held-out rows: how many each depth loses, and gains, against full depth
    changes: list[list[int]]


class Probed(Struct, frozen=True, kw_only=True):
    """Linear probes on the frozen features of every depth, each a head of its own."""

    accuracy: Accuracy
    penalties: list[float]  # (L+1,) L2, as the held-out rows chose it


class RowCounts(Struct, frozen=True, kw_only=True):
    """How many rows of a data set served for what."""

    train: int
    validation: int
    test: int


class TransferResult(Result, frozen=True, kw_only=True, tag="transfer"):
    """Raw measurements of a transfer. Costs are of the fine-tuned network; seconds are of all parts."""

    source: Trained  # its last check is the one whose network was transferred
    cut: int | None  # blocks that are enough on held-out source rows; null where none can be said
    probed: Probed  # of the network as the source left it, on the target
    finetuned: Trained  # all blocks
    finetuned_cut: Trained | None  # cut to `cut` blocks, and then fine-tuned
    source_rows: RowCounts
    target_rows: RowCounts
    source_classes: int
    target_classes: int


RunResult = ContinualResult | TransferResult


class DataProvenance(Struct, frozen=True, kw_only=True):
    """Where the examples came from."""

    name: str
    fingerprint: str
    canonical: bool  # true only for the full original files
    train: int
    test: int


class Guard(Struct, frozen=True, kw_only=True):
    """A check that ran beside the measurement, and its outcome."""

    name: str
    passed: bool
    detail: str


class Provenance(Struct, frozen=True, kw_only=True):
    """What made the record."""

    code: str  # hash of the files that training and evaluation import
    commit: str | None
    versions: dict[str, str]
    device: str
    time: str  # ISO 8601, UTC, when the run ended
    data: DataProvenance  # what is trained on, first where there are several
    further: list[DataProvenance] = []  # the others, in the protocol's order
    comparable: bool  # with published figures
    why_not: list[str]
    guards: list[Guard]

    @property
    def datasets(self) -> list[DataProvenance]:
        """Every data set of the run, in the protocol's order."""
        return [self.data, *self.further]


class RunRecord(Struct, frozen=True, kw_only=True):
    """What is kept: the config, what was found, and what made it."""

    schema: int
    run_id: str
    config: RunConfig
    result: RunResult
    provenance: Provenance

    @property
    def continual(self) -> ContinualResult:
        """The result of a run that is known to be continual."""
        assert isinstance(self.result, ContinualResult)
        return self.result

    @property
    def transfer(self) -> TransferResult:
        """The result of a run that is known to be a transfer."""
        assert isinstance(self.result, TransferResult)
        return self.result


def stem(run_id: str, code: str) -> str:
    """The file name that a run's record, examples and weights share, without its ending."""
    return f"{run_id}-{code[:8]}"


def save(record: RunRecord, folder: Path) -> Path:
    """Write `record` to `folder`, whole or not at all. A second record of the same run gets a number.

    Raises ValueError where a number is not finite: JSON has no NaN, and null means "not measured".
    """
    _refuse_nan(msgspec.to_builtins(record), "record")
    name = stem(record.run_id, record.provenance.code)
    path = free_path(folder, name)
    with atomic(path) as part:
        part.write_bytes(msgspec.json.format(msgspec.json.encode(record), indent=1))
    return path


def free_path(folder: Path, name: str) -> Path:
    """`<name>.json`, or `<name>.2.json` and so on where records of the same run lie there already."""
    path, number = folder / f"{name}.json", 1
    while path.exists():
        number += 1
        path = folder / f"{name}.{number}.json"
    return path


def load(path: Path) -> RunRecord:
    """Read one record. Raises ValueError that names the file where it is not a record of this schema."""
    return _decode(path.read_bytes(), str(path))


def _decode(raw: bytes, place: str) -> RunRecord:
    try:
        head = msgspec.json.decode(raw, type=dict[str, Any])
        if head.get("schema") != SCHEMA:
            raise ValueError(f"its schema is {head.get('schema')!r}; this version reads {SCHEMA}")
        if isinstance(result := head.get("result"), dict):
            result.setdefault("kind", "continual")  # of a time when there was no other
        record = msgspec.convert(head, RunRecord)
        _refuse_unsound(record)
        return record
    except ValueError as e:  # msgspec's errors are ValueErrors too
        raise ValueError(f"{place} is not a record that can be read: {e}") from e


def _refuse_unsound(record: RunRecord) -> None:
    """Raise ValueError where the parts of a record do not fit each other."""
    if record.run_id != record.config.run_id:
        raise ValueError(
            f"its run_id is {record.run_id}, and its config's is {record.config.run_id}"
        )
    result, depths = record.result, len(record.result.parameters)
    validation.count("result.parameters", result.parameters, max(depths, 1))
    validation.count("result.flops", result.flops, depths)
    kind = str(result.__struct_config__.tag)
    if kind != record.config.benchmark.kind:
        raise ValueError(f"its result is {kind}, and its benchmark {record.config.benchmark.kind}")
    if isinstance(result, ContinualResult):
        _refuse_unsound_stream(result, record.config.continual.experiences)
    else:
        _refuse_unsound_transfer(result)


def _refuse_unsound_stream(result: ContinualResult, T: int) -> None:
    held, depths = result.validation, len(result.parameters)
    validation.long("result.classes", result.classes, T)
    validation.count("result.test_counts", result.test_counts, T)
    validation.count("result.validation.counts", held.counts, T)
    validation.matrix("result.accuracy", result.accuracy, T)
    validation.matrix("result.validation.accuracy", held.accuracy, T)
    for k, noise in enumerate(result.noise):
        validation.matrix(f"result.noise[{k}].accuracy", noise.accuracy, T)
    if result.masked_accuracy is not None:
        validation.matrix("result.masked_accuracy", result.masked_accuracy, T)
    if result.initial_accuracy is not None:
        validation.long("result.initial_accuracy", result.initial_accuracy, T)
    for place, found, R in (
        ("result", result.depth_accuracy, result.accuracy),
        ("result.validation", held.depth_accuracy, held.accuracy),
    ):
        if found is not None:
            validation.curves(f"{place}.depth_accuracy", found, R, depths)
    if held.changes is not None:
        validation.long("result.validation.changes", held.changes, depths)


def _refuse_unsound_transfer(result: TransferResult) -> None:
    measured = {
        "source.accuracy": result.source.accuracy,
        "probed.accuracy": result.probed.accuracy,
        "finetuned.accuracy": result.finetuned.accuracy,
    }
    depths = len(result.probed.accuracy.test)
    for name, accuracy in measured.items():
        for split, curve in (("validation", accuracy.validation), ("test", accuracy.test)):
            validation.long(f"result.{name}.{split}", curve, depths)
            for k, value in enumerate(curve):
                validation.share(f"result.{name}.{split}[{k}]", value)
    for name, trained in (("source", result.source), ("finetuned", result.finetuned)):
        validation.long(f"result.{name}.train_loss", trained.train_loss, len(trained.held_out))
        if not trained.held_out:
            raise ValueError(f"result.{name}.held_out is empty: every epoch ends with a look")
    if result.cut is not None and not 0 <= result.cut < depths:
        raise ValueError(f"result.cut is {result.cut}, of a network with {depths - 1} blocks")


def find(paths: list[Path]) -> list[Path]:
    """The record files below the paths (folders, .json files, .jsonl files), each once, sorted.

    Raises LookupError for a path that is not there.
    """
    found: set[Path] = set()
    for path in paths:
        if path.is_dir():
            found.update(p for p in path.rglob("records/*.json") if not p.name.startswith("."))
            found.update(path.glob("*.json"))
            found.update(path.rglob("records.jsonl"))
        elif path.exists():
            found.add(path)
        else:
            raise LookupError(f"there is no file or folder at {path}")
    return sorted(found, key=_in_order)


def _in_order(path: Path) -> tuple[Path, int, str]:
    """Of the records of one run, `free_path`'s numbers in order: the shorter name is the earlier one."""
    return path.parent, len(path.name), path.name


def load_all(paths: list[Path], *, older: bool = False) -> list[RunRecord]:
    """Every record below the paths; of several of the same run and code, the newest.

    With `older`, those that were made again, too.
    """
    kept: dict[tuple[str, str], list[RunRecord]] = {}
    for path in find(paths):
        for record in _load_lines(path) if path.suffix == ".jsonl" else [load(path)]:
            kept.setdefault((record.run_id, record.provenance.code), []).append(record)
    by_time = [sorted(kept[key], key=lambda r: r.provenance.time) for key in sorted(kept)]
    return [record for made in by_time for record in (made if older else made[-1:])]


def _load_lines(path: Path) -> list[RunRecord]:
    lines = enumerate(path.read_bytes().splitlines(), start=1)
    return [_decode(line, f"{path}, line {number},") for number, line in lines if line.strip()]


def newest(folder: Path, run_id: str, code: str) -> RunRecord | None:
    """The newest record of a run in `folder`, made by this code; None where there is none."""
    name = stem(run_id, code)
    pattern = re.compile(re.escape(name) + r"(\.\d+)?\.json")
    # a plan asks this of each of its runs, so no Path for each file
    files = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208
    mine = [f for f in files if f.startswith(name) and pattern.fullmatch(f)]
    paths = sorted((folder / f for f in mine), key=_in_order)
    records = [load(p) for p in reversed(paths)]  # of two of one second, the one saved last
    return max(records, key=lambda r: r.provenance.time, default=None)


def _refuse_nan(value: Any, place: str) -> None:
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"{place} is {value}: a measurement must be a finite number")
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_nan(inner, f"{place}.{key}")
    elif isinstance(value, list):
        for k, inner in enumerate(value):
            _refuse_nan(inner, f"{place}[{k}]")


def encode(value: msgspec.Struct) -> str:
    """A struct as one line of JSON."""
    return msgspec.json.encode(value).decode()
