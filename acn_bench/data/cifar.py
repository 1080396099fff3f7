"""The original python pickles of CIFAR-10 and CIFAR-100 -> tensors; absent files are downloaded.

A subset in the original layout works too: any number of rows is accepted. The hashes of files and pixels are
computed once and stored in a manifest.
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
from acn_bench.data.manifest import Manifest, ManifestStore
from acn_bench.errors import MissingData, shorten
from acn_bench.registry import DATA

Split = tuple[Tensor, Tensor]  # images (N, 3, 32, 32) uint8, labels (N,) int64


class Cifar(NamedTuple):
    """The content of the files of one data set."""

    train: Split
    test: Split
    class_names: tuple[str, ...]
    canonical: bool  # every file is the original one, byte for byte
    fingerprint: (
        str  # `content_hash` of pixels and labels: run ids of published records depend on it
    )


@dataclass(frozen=True)
class Layout:
    """The files of a data set, as its authors released them."""

    name: str  # in the registry
    torchvision: str  # the class that downloads it
    folder: str
    train: dict[str, str]  # file -> md5 of the original
    test: dict[str, str]
    meta: dict[str, str]
    labels: str  # the key of the labels
    names: str  # the key of the class names
    classes: int

    @property
    def md5(self) -> dict[str, str]:
        """The md5 of each original file."""
        return self.train | self.test | self.meta

    @property
    def title(self) -> str:
        """Its name in messages."""
        return DATA.load(self.name).title

    @property
    def embedded(self) -> str:
        """The embedded substitute."""
        return DATA.load(self.name).embedded


LAYOUTS: dict[str, Layout] = {
    "cifar10": Layout(
        name="cifar10",
        torchvision="CIFAR10",
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
    ),
    "cifar100": Layout(
        name="cifar100",
        torchvision="CIFAR100",
        folder="cifar-100-python",
        train={"train": "16019d7e3df5f24257cddd939b257f8d"},
        test={"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
        meta={"meta": "7973b15100ade9c7d40fb424638fde48"},
        labels="fine_labels",
        names="fine_label_names",
        classes=100,
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
        fingerprint=data.fingerprint,
    )


def read(name: str, root: Path) -> Cifar:
    """Read `cifar10` or `cifar100` from its folder below `root`; download it where it is absent.

    Raises MissingData where a file is absent and cannot be downloaded, ValueError where one is damaged.
    """
    layout = LAYOUTS[name]
    folder = root / layout.folder
    if _is_absent(folder):
        _download(name, root)
    raw = {file: _bytes(folder / file, layout) for file in layout.md5}
    content = {file: _content(folder / file, raw[file], layout) for file in layout.md5}
    train = _split({folder / file: content[file] for file in layout.train}, layout)
    test = _split({folder / file: content[file] for file in layout.test}, layout)
    names = _names({folder / file: content[file] for file in layout.meta}, layout)
    store = ManifestStore(name, root, folder)  # of whole files alone
    manifest = _manifest(store, layout)

    def hashes() -> dict[str, str]:
        for file in manifest.files:
            if file.sha256 != hashlib.sha256(raw[file.name]).hexdigest():
                raise ValueError(f"{folder / file.name} changed while it was read: try again")
        md5 = {f"md5 {file}": _md5(raw[file]) for file in layout.md5}
        return md5 | {"content_hash": content_hash(*train, *test)}

    keys = {"content_hash", *(f"md5 {file}" for file in layout.md5)}
    stored = store.derive(manifest, keys, hashes)
    return Cifar(
        train=train,
        test=test,
        class_names=names,
        canonical=all(stored[f"md5 {file}"] == md5 for file, md5 in layout.md5.items()),
        fingerprint=stored["content_hash"],
    )


def _manifest(store: ManifestStore, layout: Layout) -> Manifest:
    """The manifest of the files. Raises MissingData where one is absent."""
    try:
        return store.update(layout.md5)
    except OSError as e:
        raise _missing(
            Path(e.filename or store.folder), layout, e.strerror or type(e).__name__
        ) from e


# ---------------------------------------------------------------- the content of the files


def _split(files: dict[Path, dict[str, Any]], layout: Layout) -> Split:
    """The rows of the files, in order."""
    parts = [_rows(path, content, layout) for path, content in files.items()]
    pixels = np.concatenate([p for p, _ in parts]).reshape(-1, 3, 32, 32)
    labels = [label for _, labels_of_file in parts for label in labels_of_file]
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
                f"'{layout.labels}' must lie within 0 … {layout.classes - 1}, not {shorten(label, 40)}",
            )
    return pixels, labels


def _names(files: dict[Path, dict[str, Any]], layout: Layout) -> tuple[str, ...]:
    """The names of the classes."""
    ((path, content),) = files.items()
    names = content.get(layout.names)
    if not isinstance(names, list) or len(names) != layout.classes:
        raise _damaged(path, layout, f"'{layout.names}' must be {layout.classes} names")
    if not all(isinstance(name, str | bytes) for name in names):
        raise _damaged(path, layout, f"'{layout.names}' must be words")
    return tuple(pickles.text(name) for name in names)


def _damaged(path: Path, layout: Layout, requirement: str) -> ValueError:
    return ValueError(f"{path} is not a file of {layout.title}, or it is damaged: {requirement}")


def _content(path: Path, raw: bytes, layout: Layout) -> dict[str, Any]:
    """The dictionary in the file, its keys as text."""
    try:
        return pickles.load(raw)
    except pickles.RefusedError as refused:
        raise ValueError(
            f"{path} asked to run `{refused}` and was refused: "
            f"a file of {layout.title} holds nothing but arrays, numbers and words"
        ) from None
    except ValueError as e:
        raise _damaged(path, layout, str(e)) from e


def _md5(raw: bytes) -> str:
    return hashlib.md5(raw, usedforsecurity=False).hexdigest()


# ---------------------------------------------------------------- absent files


def _is_absent(folder: Path) -> bool:
    """Whether the folder holds nothing of the user's: only then may a download replace it."""
    try:
        return not any(folder.iterdir())
    except FileNotFoundError:
        return True
    except OSError:  # it exists; the error of reading it names the reason
        return False


def _bytes(path: Path, layout: Layout) -> bytes:
    """The whole file. Raises MissingData."""
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
    """Download the original files below `root`, all or none; other processes wait and use the same copy."""
    layout = LAYOUTS[name]
    expected = root / layout.folder / next(iter(layout.train))
    if os.environ.get("ACN_BENCH_OFFLINE"):
        raise _missing(expected, layout, "not downloaded, because ACN_BENCH_OFFLINE is set")
    try:
        root.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(root / f".{layout.folder}.lock"):
            if not _is_absent(expected.parent):  # another process was faster
                return
            with tempfile.TemporaryDirectory(prefix=".download-", dir=root) as partial:
                _fetch(name, Path(partial))
                (Path(partial) / layout.folder).replace(expected.parent)
    except (OSError, RuntimeError, HTTPException) as e:  # RuntimeError: a wrong md5
        raise _missing(expected, layout, f"the download failed: {e}") from e


def _fetch(name: str, folder: Path) -> None:
    """Download and unpack through torchvision, which checks the md5."""
    from torchvision import (
        datasets,
    )  # imported here: it takes seconds, and only a download needs it

    download = getattr(datasets, LAYOUTS[name].torchvision)
    bars = io.StringIO()
    with _socket_timeout(10), redirect_stdout(bars), redirect_stderr(bars):
        download(folder, download=True)


@contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """Limit the wait for an answer: without it, a download without a network never ends."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
