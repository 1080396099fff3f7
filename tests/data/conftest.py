"""Tiny CIFAR-100 folders, in the layout and the pickle dialect of the originals."""

import hashlib
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acn_bench.data import cifar


def python2_pickle(thing: Any) -> bytes:
    """As Python 2 wrote the originals: protocol 2, words as byte strings, numpy's old module names."""
    return b"\x80\x02" + _opcodes(thing) + b"."


def _opcodes(thing: Any) -> bytes:
    if isinstance(thing, str):
        return b"T" + struct.pack("<I", len(thing)) + thing.encode()
    if isinstance(thing, int):
        return b"J" + struct.pack("<i", thing)
    if isinstance(thing, list):
        return b"](" + b"".join(map(_opcodes, thing)) + b"e"
    if isinstance(thing, dict):
        return b"}(" + b"".join(_opcodes(k) + _opcodes(v) for k, v in thing.items()) + b"u"
    assert isinstance(thing, np.ndarray)
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ" + b"\xff" * 4
    dtype += b"J" + b"\xff" * 4 + b"K\x00tb"
    shape = _opcodes(thing.shape[0]) + _opcodes(thing.shape[1]) + b"\x86"
    raw = b"T" + struct.pack("<I", thing.size) + thing.tobytes()
    return array + b"(K\x01" + shape + dtype + b"\x89" + raw + b"tb"


@pytest.fixture
def rows() -> Callable[[int, int], dict[str, Any]]:
    """What a file of n rows holds."""

    def make(n: int, seed: int) -> dict[str, Any]:
        chance = np.random.default_rng(seed)
        return {
            "data": chance.integers(0, 256, (n, 3072), dtype=np.uint8),
            "fine_labels": chance.integers(0, 100, n).tolist(),
            "filenames": [f"{k}.png" for k in range(n)],
        }

    return make


@pytest.fixture
def cifar100_root(tmp_path: Path, rows: Callable[[int, int], dict[str, Any]]) -> Path:
    """A folder with 7 training and 3 test rows of CIFAR-100 in it."""
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    names = {"fine_label_names": [f"class {k}" for k in range(100)]}
    for file, content in {"train": rows(7, 0), "test": rows(3, 1), "meta": names}.items():
        (folder / file).write_bytes(python2_pickle(content))
    return tmp_path


@pytest.fixture
def call_it_original(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Take the files of a CIFAR-100 folder for the original ones."""

    def trust(folder: Path) -> None:
        def md5(file: str) -> dict[str, str]:
            return {file: hashlib.md5((folder / file).read_bytes()).hexdigest()}

        original = replace(
            cifar.LAYOUTS["cifar100"], train=md5("train"), test=md5("test"), meta=md5("meta")
        )
        monkeypatch.setitem(cifar.LAYOUTS, "cifar100", original)

    return trust
