"""Good files of every format, which the attack damages."""

import pickle
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np

from acn_bench import backbones
from acn_bench.catalog import benchmark
from acn_bench.data import cifar, loading
from acn_bench.execution import code_hash
from acn_bench.record import Record, encode
from acn_bench.registry import KINDS

STRATEGY_CARD = """
name = "mine"
intent = "Does the line hold?"
citation = "none"
source = "none"

[options]
kind = "si"
strength = 1.0
damping = 1e-3
importance_max = inf

[quick]
strength = 2.0
"""


@dataclass(frozen=True)
class Samples:
    """What stands in good files."""

    cards: list[str]  # of the smallest benchmark of each kind
    records: list[Record]  # of each kind
    weights: bytes
    pickles: dict[str, bytes]  # of CIFAR-10, by file
    folder: Path  # holds each kind's card, as continual.toml

    @property
    def card(self) -> Path:
        """The path of the smallest continual benchmark."""
        return self.folder / "continual.toml"


def make(folder: Path) -> Samples:
    """Make the samples; cards are written to the folder, and embedded data is loaded."""
    folder.mkdir(parents=True)
    kinds = {name: import_module(KINDS.load(name).example) for name in KINDS}
    # a tenth of the images: loading them would take longer than a run
    cards = [kind.SMALLEST_CARD.replace("digits100", "digits10") for kind in kinds.values()]
    for name, card in zip(kinds, cards, strict=True):
        (folder / f"{name}.toml").write_text(card)
        benchmark(str(folder / f"{name}.toml"))
    loading.load("digits10")
    records = [
        kind.example_record(wiring, seed)
        for kind in kinds.values()
        for wiring in ("ac", "residual")
        for seed in (0, 1)
    ]
    for record in records:
        code_hash.code(record.config)  # files are parsed once, here
    return Samples(
        cards=cards,
        records=records,
        weights=_weights(folder / "weights.safetensors"),
        pickles=_pickles(),
        folder=folder,
    )


def record_bytes(record: Record) -> bytes:
    """As a run writes it."""
    return encode(record)


def _weights(path: Path) -> bytes:
    sizes = {"patch_size": 8, "width": 8, "token_width": 4, "channel_width": 8}
    backbones.save(backbones.build("ac_mixer", num_classes=3, depth=2, **sizes), path)
    return path.read_bytes()


def _pickles() -> dict[str, bytes]:
    """CIFAR-10 of 100 training and 50 test images: enough of each class to hold some out."""
    layout, draw = cifar.LAYOUTS["cifar10"], np.random.default_rng(0)
    files = {}
    for file in (*layout.train, *layout.test):
        copies = 5 if file in layout.test else 2
        content = {
            "data": draw.integers(0, 256, (10 * copies, 3072), dtype=np.uint8),
            "labels": list(range(10)) * copies,
        }
        files[file] = pickle.dumps(content, 2)
    names = {"label_names": [f"class {k}" for k in range(10)]}
    return files | {file: pickle.dumps(names, 2) for file in layout.meta}
