"""The original python pickles of CIFAR-10 and CIFAR-100 -> tensors; absent ones are downloaded.

Any number of rows is read, so that a subset in the original layout works too.
"""

import hashlib
import io
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple

import filelock
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from acn_bench.data import pickles
from acn_bench.data.images import ImageData, content_hash
from acn_bench.errors import MissingData

Split = tuple[Tensor, Tensor]  # images (N, 3, 32, 32) uint8, labels (N,) int64


class Cifar(NamedTuple):
    """What the files of one data set hold."""

    train: Split
    test: Split
    class_names: tuple[str, ...]
    canonical: bool  # every file is the original one, byte for byte


@dataclass(frozen=True)
class Layout:
    """The files of a data set, as its authors released them."""

    title: str
    folder: str
    train: dict[str, str]  # file -> md5 of the original
    test: dict[str, str]
    meta: dict[str, str]
    labels: str  # the key of the labels
    names: str  # the key of the classes' names
    classes: int
    embedded: str  # the embedded data to use in its place

    @property
    def md5(self) -> dict[str, str]:
        return self.train | self.test | self.meta


LAYOUTS: dict[str, Layout] = {
    "cifar10": Layout(
        title="CIFAR-10",
        folder="cifar-10-batches-py",
        train={
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        },
        test={"test_batch": "40351d587109b95175f43aff81a1287e"},
        meta={"batches.meta": "5ff9c542aee3614f3951f8cda6e48888"},
        labels="labels",
        names="label_names",
        classes=10,
        embedded="digits10",
    ),
    "cifar100": Layout(
        title="CIFAR-100",
        folder="cifar-100-python",
        train={"train": "16019d7e3df5f24257cddd939b257f8d"},
        test={"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
        meta={"meta": "7973b15100ade9c7d40fb424638fde48"},
        labels="fine_labels",
        names="fine_label_names",
        classes=100,
        embedded="digits100",
    ),
}


@lru_cache
def load(name: str, root: Path) -> ImageData:
    """`cifar10` or `cifar100` from its folder below `root`. Raises as `read`."""
    data = read(name, root)
    return ImageData(
        name,
        *data.train,
        *data.test,
        class_names=data.class_names,
        canonical=data.canonical,
        flips=True,
        fingerprint=content_hash(*data.train, *data.test),
    )


def read(name: str, root: Path) -> Cifar:
    """Read `cifar10` or `cifar100` from its folder below `root`; download it where it is absent.

    Raises MissingData where a file is absent and cannot be had, ValueError where one is damaged.
    """
    layout = LAYOUTS[name]
    folder = root / layout.folder
    if _is_absent(folder):
        _download(name, root)
    found = {file: _bytes(folder / file, layout) for file in layout.md5}
    loaded = {file: _content(folder / file, raw, layout) for file, raw in found.items()}
    return Cifar(
        train=_split({folder / file: loaded[file] for file in layout.train}, layout),
        test=_split({folder / file: loaded[file] for file in layout.test}, layout),
        class_names=_names({folder / file: loaded[file] for file in layout.meta}, layout),
        canonical=all(_md5(raw) == layout.md5[file] for file, raw in found.items()),
    )


# ---------------------------------------------------------------- what the files say


def _split(files: dict[Path, dict[str, Any]], layout: Layout) -> Split:
    """The rows of the files, one after the other."""
    parts = [_rows(path, content, layout) for path, content in files.items()]
    pixels = np.concatenate([p for p, _ in parts]).reshape(-1, 3, 32, 32)
    labels = [label for _, part in parts for label in part]
    return torch.from_numpy(pixels), torch.tensor(labels, dtype=torch.int64)


def _rows(
    path: Path, content: dict[str, Any], layout: Layout
) -> tuple[npt.NDArray[np.uint8], list[int]]:
    """Pixels (n, 3072) and labels (n,) of one file."""
    data, labels = content.get("data"), content.get(layout.labels)
    pixels = data.pixels() if isinstance(data, pickles.Array) else None
    if pixels is None or pixels.ndim != 2 or pixels.shape[1] != 3072 or not len(pixels):
        raise _damaged(path, layout, "'data' must be uint8 rows of 3072 values")
    if not isinstance(labels, list) or len(labels) != len(pixels):
        count = len(labels) if isinstance(labels, list) else "none"
        raise _damaged(
            path, layout, f"'{layout.labels}' must be {len(pixels)} labels, one a row, not {count}"
        )
    for label in labels:
        if type(label) is not int or not 0 <= label < layout.classes:
            raise _damaged(
                path,
                layout,
                f"'{layout.labels}' must lie within 0 … {layout.classes - 1}, not {label!r:.40}",
            )
    return pixels, labels


def _names(files: dict[Path, dict[str, Any]], layout: Layout) -> tuple[str, ...]:
    ((path, content),) = files.items()
    names = content.get(layout.names)
    if not isinstance(names, list) or len(names) != layout.classes:
        raise _damaged(path, layout, f"'{layout.names}' must be {layout.classes} names")
    if not all(isinstance(name, str | bytes) for name in names):
        raise _damaged(path, layout, f"'{layout.names}' must be words")
    return tuple(pickles.text(name) for name in names)


def _damaged(path: Path, layout: Layout, what: str) -> ValueError:
    return ValueError(f"{path} is not a file of {layout.title}, or it is damaged: {what}")


def _content(path: Path, raw: bytes, layout: Layout) -> dict[str, Any]:
    """The dictionary in the file, its keys as text."""
    try:
        return pickles.load(raw)
    except pickles.RefusedError as asked:
        raise ValueError(
            f"{path} asked to run `{asked}` and was refused: "
            f"a file of {layout.title} holds nothing but arrays, numbers and words"
        ) from None
    except ValueError as e:
        raise _damaged(path, layout, str(e)) from e


def _md5(raw: bytes) -> str:
    return hashlib.md5(raw, usedforsecurity=False).hexdigest()


# ---------------------------------------------------------------- files that are not there


def _is_absent(folder: Path) -> bool:
    """Whether there is nothing of the user's: only then may a download take the place."""
    try:
        return not any(folder.iterdir())
    except FileNotFoundError:
        return True
    except OSError:  # something is there; reading it will say what
        return False


def _bytes(path: Path, layout: Layout) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise _missing(path, layout, e.strerror or type(e).__name__) from e


def _missing(path: Path, layout: Layout, why: str) -> MissingData:
    return MissingData(
        f"{layout.title} is not complete in {path.parent}: the file '{path.name}' was expected there "
        f"({why}). Put the original python pickles there, "
        f"or use the embedded {layout.embedded} in its place",
        layout.embedded,
    )


def _download(name: str, root: Path) -> None:
    """Put the original files below `root`, whole or not at all; once, whoever else wants them too."""
    layout = LAYOUTS[name]
    expected = root / layout.folder / next(iter(layout.train))
    if os.environ.get("ACN_BENCH_OFFLINE"):
        raise _missing(expected, layout, "not downloaded, because ACN_BENCH_OFFLINE is set")
    try:
        root.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(root / f".{layout.folder}.lock"):
            if not _is_absent(expected.parent):  # another process was faster
                return
            with tempfile.TemporaryDirectory(prefix=".download-", dir=root) as part:
                _fetch(name, Path(part))
                (Path(part) / layout.folder).replace(expected.parent)
    except (OSError, RuntimeError, HTTPException) as e:  # RuntimeError: not what its md5 says
        raise _missing(expected, layout, f"the download failed: {e}") from e


def _fetch(name: str, folder: Path) -> None:
    """Download and unpack, through torchvision, which checks what came."""
    from torchvision import datasets  # seconds to import, and only here of use

    kind = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    bars = io.StringIO()
    with _socket_timeout(10), redirect_stdout(bars), redirect_stderr(bars):
        kind(folder, download=True)


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """No wait for an answer is longer: without it, no network means no end."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
