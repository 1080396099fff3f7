"""The settings of a checkpoint to start from -> its folder, its hash and the sizes of its network. Never torch."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal, Self, cast

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


class TextBenchmark(Benchmark, frozen=True, kw_only=True):
    """A benchmark of texts, whose network may start from a checkpoint."""

    derived: ClassVar[tuple[str, ...]] = ("checkpoint_hash",)

    start: Start = "scratch"
    checkpoint: str = ""  # a folder in Transformers' format, or the folder of a benchmark's runs
    checkpoint_hash: str = ""  # of its files; filled in before a run

    def resolved(self, backbone: Network, seed: int) -> "tuple[Self, Network]":
        if self.start == "scratch":
            return self, backbone
        folder, spec = self._found(backbone, seed)
        sizes = {
            "depth": spec.depth,
            "vocab_size": spec.vocab_size,
            "max_length": spec.max_length,
            "width": spec.width,
            "heads": spec.heads,
            "mlp_ratio": spec.mlp_ratio,
        }
        return (
            msgspec.structs.replace(self, checkpoint_hash=_hash(folder)),
            msgspec.structs.replace(backbone, **sizes),
        )

    def folder(self, backbone: Network, seed: int) -> Path:
        """The folder of the checkpoint that a network with this seed starts from. Raises LookupError, ValueError."""
        return self._found(backbone, seed)[0]

    def _found(self, backbone: Network, seed: int) -> tuple[Path, BertSpec]:
        wiring = "residual" if self.start == "rewired" else cast(BertSpec, backbone).wiring
        place = Path(self.checkpoint).expanduser()
        folder = place if (place / "config.json").is_file() else _of_runs(place, wiring, seed)
        spec = spec_of_checkpoint(folder)
        if spec.wiring != wiring:
            hint = ": start=rewired takes the weights of a residual one" * (
                spec.wiring == "residual"
            )
            raise ValueError(
                f"start={self.start}: {folder} holds a {spec.wiring} network, and {backbone.name} needs a {wiring} one{hint}"
            )
        return folder, spec

    def check_network(self, backbone: Network, length: int) -> None:
        """Raise ValueError where `start` and `checkpoint` do not fit, or the network cannot take so many tokens."""
        if self.start == "scratch" and self.checkpoint:
            raise ValueError("checkpoint needs start=pretrained or start=rewired")
        if self.start != "scratch" and not self.checkpoint:
            raise ValueError(
                f"start={self.start} needs a checkpoint: --set checkpoint=FOLDER, in Transformers' format or of runs of a "
                "benchmark of kind mlm"
            )
        if backbone.function is not None:
            raise ValueError(
                f"{backbone.name}: a benchmark of kind {self.kind} trains BERTs of the package"
            )
        longest = cast(BertSpec, backbone).max_length
        if self.start == "scratch" and length > longest:
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
