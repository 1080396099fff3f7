"""The state of a training <-> a folder of checkpoints, each whole or not there; the newest few are kept.

A checkpoint is a folder `step-<number>`: safetensors files and `state.json`, never a pickled object. It is written
beside its place and moved there in one step, so that a killed process costs at most one interval.
"""

import json
import os
import re
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import safetensors.torch
from torch import Tensor

from acn_bench import run_folder, tensor_file
from acn_bench.errors import sentence, shorten
from acn_bench.tensor_file import Later
from acn_bench.training.resume import MAX_SHARE

Parts = dict[str, dict[str, Tensor]]  # file without its ending -> its tensors, mapped from the file
Written = Mapping[str, Mapping[str, Tensor | Later]]
STATE = "state.json"
NAME = re.compile(r"step-(\d{9,15})")
CHUNK = 2**22  # bytes that are read at a time for a checksum


class ChangedConfiguration(ValueError):  # noqa: N818 - named by its cause
    """The checkpoints in the folder are of another configuration."""


class _DamagedError(Exception):
    """The message names the file."""


@dataclass(frozen=True)
class Checkpoint:
    """What was read from a whole checkpoint."""

    path: Path
    state: dict[str, Any]
    parts: Parts


class Checkpoints:
    """The checkpoints of one training, in a folder of its own.

    `header` is the metadata of `model.safetensors`, from which `backbones.load` rebuilds the network.
    """

    def __init__(
        self,
        folder: Path,
        *,
        about: Mapping[str, Any] | None = None,
        header: Mapping[str, str] | None = None,
        every_steps: int | None = None,
        every_seconds: float | None = 600.0,
        keep: int = 2,
    ) -> None:
        """`about` identifies the training, in JSON; a checkpoint with other values is refused."""
        if keep < 1:
            raise ValueError(f"keep is a number of checkpoints, 1 or more, not {shorten(keep)}")
        self.folder, self.keep = folder, keep
        self.about, self.header = dict(about or {}), dict(header or {})
        self.every_steps, self.every_seconds = every_steps, every_seconds
        self.last: Path | None = None  # the newest whole one that this training wrote or read
        self._at, self._seconds = monotonic(), 0.0  # of the last one: when, and how long it took
        self._shards: tuple[Path, float] | None = None  # and when they were begun

    def due_after(self, step: int) -> bool:
        """Whether one is due after that many steps."""
        return bool(self.every_steps) and step % (self.every_steps or 1) == 0

    def overdue(self) -> bool:
        """Whether one is due by the clock. Writing takes at most 2 % of the time."""
        if self.every_seconds is None:
            return False
        return monotonic() - self._at >= max(self.every_seconds, self._seconds / MAX_SHARE)

    @contextmanager
    def shards(self) -> Iterator[Path]:
        """A folder for the shards of all processes, in the block; `save` writes whole tensors. Raises OSError."""
        began = monotonic()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._remove_parts()
        path = self._part(self.folder / "shards")
        path.mkdir()
        self._shards = path, began
        try:
            yield path
        finally:
            self._shards = None
            shutil.rmtree(path, ignore_errors=True)

    def save(self, step: int, parts: Written, state: dict[str, Any], about: dict[str, Any]) -> None:
        """Write the checkpoint after `step` steps, then remove the oldest. Raises OSError; older ones stay."""
        began = monotonic() if self._shards is None else self._shards[1]
        self.folder.mkdir(parents=True, exist_ok=True)
        self._remove_parts()
        path = self.folder / f"step-{step:09}"
        part = self._part(path)
        part.mkdir()
        try:
            self._write(part, parts, {"about": self.about | about, "state": state})
            for later in [p for p in self._paths() if p.name >= path.name]:
                self._remove(later)  # damaged, or of a training that went back
            part.rename(path)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        self.last = path
        for old in self._paths()[self.keep :]:
            self._remove(old)
        self._at = monotonic()
        self._seconds = self._at - began

    def newest(self, about: dict[str, Any], note: Callable[[str], None]) -> Checkpoint | None:
        """The newest whole checkpoint; None where there is none. `note` is told of damaged ones.

        Raises ChangedConfiguration.
        """
        for path in self._paths():
            try:
                checkpoint, written = _read(path)
            except _DamagedError as e:
                note(f"its checkpoint {path.name} is damaged ({e}), and is passed over")
                continue
            self._refuse_other(written, json.loads(json.dumps(self.about | about)))
            self.last = path
            return checkpoint
        return None

    def _refuse_other(self, written: dict[str, Any], wanted: dict[str, Any]) -> None:
        for key in sorted({*written, *wanted}):
            was, now = written.get(key), wanted.get(key)
            if was != now:
                raise ChangedConfiguration(
                    f"the checkpoints in {self.folder} are of another configuration: {key} was {shorten(was)}, and "
                    f"is {shorten(now)}. Take another folder, or remove this one to begin again"
                )

    def _write(self, part: Path, parts: Written, content: dict[str, Any]) -> None:
        checks = {}
        for name, tensors in parts.items():
            file = part / f"{name}.safetensors"
            tensor_file.write(file, tensors, self.header if name == "model" else {})
            checks[file.name] = _checksum(file)
        text = json.dumps(content | {"files": checks}, allow_nan=False)
        (part / STATE).write_text(json.dumps({"check": _text_check(text), "content": text}))
        _flush(part / STATE)

    def _paths(self) -> list[Path]:
        """The checkpoints, the newest first."""
        if not self.folder.is_dir():
            return []
        found = [p for p in self.folder.iterdir() if NAME.fullmatch(p.name)]
        return sorted(found, key=lambda p: int(p.name[5:]), reverse=True)

    def _part(self, path: Path) -> Path:
        return run_folder.part_of(self.folder / path.name)

    def _remove(self, path: Path) -> None:
        """Move it away first: a half-removed checkpoint has no checkpoint's name."""
        with suppress(OSError):
            shutil.rmtree(path.rename(self._part(path.with_name(f"{path.name}.old"))))

    def _remove_parts(self) -> None:
        """Remove what killed processes left, and what this one could not remove before."""
        for part in self.folder.glob(".*.part"):
            if self._shards is not None and part == self._shards[0]:
                continue
            if run_folder.is_own(part) or not run_folder.is_running(part):
                shutil.rmtree(part, ignore_errors=True)


def newest_share(folder: Path) -> float | None:
    """The share of the training that the newest checkpoint with a whole `state.json` holds; None without one."""
    for path in Checkpoints(folder)._paths():
        with suppress(
            Exception
        ):  # a forged file can raise anything; reading all of it says that it is damaged
            share = float(_content(path)["state"]["share"])
            if 0 <= share <= 1:
                return share
    return None


def adopt(folder: Path, others: Iterable[Path]) -> None:
    """Copy the newest checkpoint of the folder that came furthest, where this one has none.

    The other's owner may still write: what it removes meanwhile is not copied, and the training begins again.
    """
    shares = {other: share for other in others if (share := newest_share(other)) is not None}
    if not shares or newest_share(folder) is not None:
        return
    newest = Checkpoints(max(shares, key=lambda other: shares[other]))._paths()[0]
    part = Checkpoints(folder)._part(folder / newest.name)
    try:
        shutil.copytree(newest, part)
        part.rename(folder / newest.name)
    except OSError:
        shutil.rmtree(part, ignore_errors=True)


def _read(path: Path) -> tuple[Checkpoint, dict[str, Any]]:
    """The checkpoint, and what it says it is of. Raises _DamagedError."""
    try:
        content = _content(path)
        about, state, files = content["about"], content["state"], content["files"]
        parts: Parts = {}
        for name, check in files.items():
            file = path / name
            if Path(name).name != name or not file.is_file() or _checksum(file) != check:
                raise _DamagedError(shorten(name))
            parts[file.stem] = safetensors.torch.load_file(file)
    except _DamagedError:
        raise
    except OSError as e:
        raise _DamagedError(sentence(e)) from e
    except Exception as e:  # a forged file can raise anything
        raise _DamagedError(STATE) from e
    return Checkpoint(path, state, parts), about


def _content(path: Path) -> dict[str, Any]:
    outer = json.loads((path / STATE).read_text())
    if _text_check(outer["content"]) != outer["check"]:
        raise _DamagedError(STATE)
    content: dict[str, Any] = json.loads(outer["content"])
    return content


def _text_check(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"


def _checksum(file: Path) -> str:
    total = 0
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            total = zlib.crc32(chunk, total)
    return f"{total:08x}"


def _flush(file: Path) -> None:
    with file.open("rb") as stream:
        os.fsync(stream.fileno())
