"""The settings of a checkpoint to start from -> its folder, its hash and the sizes of its network. Never torch."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self, cast

import msgspec

from acn_bench import records
from acn_bench.errors import listed
from acn_bench.families.bert import BertSpec
from acn_bench.families.bert_checkpoint import spec_of_checkpoint
from acn_bench.record import Record
from acn_bench.run_folder import RunFolder
from acn_bench.spec import Benchmark, Network

# `pretrained`: a checkpoint of the network's own wiring; `rewired`: a residual checkpoint, whatever the wiring
Start = Literal["scratch", "pretrained", "rewired"]
FILES = ("config.json", "model.safetensors", "tokenizer.json", "vocab.txt")


class Starting(Protocol):
    """A benchmark of texts whose network may start from a checkpoint."""

    @property
    def start(self) -> Start: ...
    @property
    def checkpoint(self) -> str:
        """A folder in Transformers' format, or the folder of a benchmark's runs."""

    @property
    def kind(self) -> str: ...


class TextBenchmark(Benchmark, frozen=True, kw_only=True):
    """A benchmark of texts, whose network may start from a checkpoint."""

    derived: ClassVar[tuple[str, ...]] = ("checkpoint_hash",)

    start: Start = "scratch"
    checkpoint: str = ""  # a folder in Transformers' format, or the folder of a benchmark's runs
    checkpoint_hash: str = ""  # of its files; filled in before a run

    def resolved(self, backbone: Network, seed: int) -> "tuple[Self, Network]":
        changed, network = of_checkpoint(self, backbone, seed)
        return msgspec.structs.replace(self, **changed), network

    def folder(self, backbone: Network, seed: int) -> Path:
        """The folder of the checkpoint that a network with this seed starts from. Raises LookupError, ValueError."""
        return found(self, backbone, seed)[0]

    def check_network(self, backbone: Network, length: int) -> None:
        """As the function of that name."""
        check_network(self, backbone, length)


def of_checkpoint(spec: Starting, backbone: Network, seed: int) -> tuple[dict[str, Any], Network]:
    """The settings that follow from the checkpoint, and the network with its sizes. Raises LookupError, ValueError."""
    if spec.start == "scratch":
        return {}, backbone
    folder, stored = found(spec, backbone, seed)
    sizes = {
        "depth": stored.depth,
        "vocab_size": stored.vocab_size,
        "max_length": stored.max_length,
        "width": stored.width,
        "heads": stored.heads,
        "mlp_ratio": stored.mlp_ratio,
    }
    return {"checkpoint_hash": _hash(folder)}, msgspec.structs.replace(backbone, **sizes)


def found(spec: Starting, backbone: Network, seed: int) -> tuple[Path, BertSpec]:
    """The folder of the checkpoint that a network with this seed starts from, and what it holds."""
    wiring = "residual" if spec.start == "rewired" else cast(BertSpec, backbone).wiring
    place = Path(spec.checkpoint).expanduser()
    folder = place if (place / "config.json").is_file() else _of_runs(place, wiring, seed)
    stored = spec_of_checkpoint(folder)
    if stored.wiring != wiring:
        hint = ": start=rewired takes the weights of a residual one" * (stored.wiring == "residual")
        raise ValueError(
            f"start={spec.start}: {folder} holds a {stored.wiring} network, and {backbone.name} needs a {wiring} one{hint}"
        )
    return folder, stored


def check_network(spec: Starting, backbone: Network, length: int) -> None:
    """Raise ValueError where `start` and `checkpoint` do not fit, or the network cannot take so many tokens."""
    if spec.start == "scratch" and spec.checkpoint:
        raise ValueError("checkpoint needs start=pretrained or start=rewired")
    if spec.start != "scratch" and not spec.checkpoint:
        raise ValueError(
            f"start={spec.start} needs a checkpoint: --set checkpoint=FOLDER, in Transformers' format or of runs of a "
            "benchmark of kind mlm"
        )
    if backbone.function is not None:
        raise ValueError(
            f"{backbone.name}: a benchmark of kind {spec.kind} trains BERTs of the package"
        )
    longest = cast(BertSpec, backbone).max_length
    if spec.start == "scratch" and length > longest:
        raise ValueError(f"length={length}: {backbone.name} takes {longest} tokens at most")


def _of_runs(place: Path, wiring: str, seed: int) -> Path:
    """The exported network of a run with that wiring: of the same seed, or of the only one that there is."""
    if not (place / "records").is_dir():
        raise LookupError(
            f"there is no checkpoint at {place}: neither a config.json of Transformers nor records of runs"
        )
    found = {r.config.seeds.init: folder for r, folder in _exported(place) if _wiring(r) == wiring}
    if seed in found:
        return found[seed]
    if len(found) == 1:
        return next(iter(found.values()))
    have = f"seeds {listed(sorted(found))}" if found else "none"
    raise LookupError(f"{place} needs a {wiring} network of seed {seed}, and it has {have}")


def _exported(place: Path) -> Iterator[tuple[Record, Path]]:
    """The records whose network lies in a folder in Transformers' format, the oldest first."""
    weights = RunFolder(place).weights
    made = sorted(records.load_all([place]), key=lambda r: r.provenance.time)
    for record in made:
        stem = records.stem(record.run_id, record.provenance.code)
        for folder in sorted(weights.glob(f"{stem}*")):
            if (folder / "config.json").is_file():
                yield record, folder


def _wiring(record: Record) -> str:
    return cast(BertSpec, record.config.backbone).wiring


def _hash(folder: Path) -> str:
    """12 hex digits of the hash of the files that decide what a run starts from."""
    digest = hashlib.sha256()
    for name in FILES:
        path = folder / name
        if path.is_file():
            with path.open("rb") as f:
                digest.update(name.encode() + hashlib.file_digest(f, "sha256").digest())
    return digest.hexdigest()[:12]
