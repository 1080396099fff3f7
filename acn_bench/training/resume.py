"""The state of a run between two epochs <-> one safetensors file, with the numbers as JSON in its header.

Only the run that wrote a file can use it: same config, code, libraries and device. If a file is damaged or
does not match, a note says so and the run starts from scratch.
"""

import json
import shutil
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from acn_bench.errors import shorten
from acn_bench.run_folder import atomic
from acn_bench.training.checkpoints import MAX_SHARE, newest_share

State = dict[str, Any]  # of tensors, numbers, strings, None, and lists and dicts of these

INTERVAL = 10.0  # seconds between two checkpoints of a run, at least
DAMAGED = "is damaged"
TENSOR = "tensor"  # the only key of a dict that stands for a tensor in JSON


class UnusableCheckpoint(ValueError):  # noqa: N818 - named by its cause
    """The message follows "its checkpoint"."""


class ResumeFile:
    """The file of one run. `about` identifies the run: run, config, code, libraries, device.

    `note` takes a sentence, without its full stop, on what happened to an existing file.
    """

    def __init__(
        self,
        path: Path,
        about: dict[str, str],
        interval: float = INTERVAL,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.path = path
        self.about = about
        self.interval = interval
        self.note = note
        self._last, self._seconds = (
            monotonic(),
            0.0,
        )  # when it was saved last, and how long that took
        self._writable = True
        self._rejected = False
        self.resumed = False  # the run continues from what `load` returned

    @property
    def folder(self) -> Path:
        """The folder of the run's checkpoints, for a trainer that keeps several."""
        return self.path.with_suffix("")

    @property
    def share(self) -> float | None:
        """The share of the run that is done in the file or folder, in [0, 1]; None without a usable one.

        Reads no tensors.
        """
        try:
            return _share(self._header())
        except Exception:  # a forged file can raise anything; loading it says that it is damaged
            return newest_share(self.folder)

    def load(self) -> State | None:
        """The state in the file, on the CPU; None without a usable file.

        It may still be forged: whoever cannot use it calls `reject`.
        """
        if self._rejected:
            return None
        try:
            header = self._header()
            tensors = safetensors.torch.load_file(self.path)
            share = _share(header)
            if header["check"] != _check(tensors, header["state"], header["share"]):
                raise UnusableCheckpoint(DAMAGED)
            state: State = _unpacked(_json(header["state"]), tensors)
        except FileNotFoundError:
            if list(self.path.parent.glob(f"{self.about['run']}-*.safetensors")):
                self.note("started from scratch: its checkpoint was written by other code")
            return None
        except OSError as e:
            self.reject(f"cannot be read: {e.strerror or e}")
            return None
        except UnusableCheckpoint as e:
            self.reject(str(e))
            return None
        except Exception:  # a forged file can raise anything
            self.reject(DAMAGED)
            return None
        self.note(f"resumed from its checkpoint at {100 * share:.0f} %")
        self.resumed = True
        return state

    def reject(self, reason: str) -> None:
        """Ignore the file from now on; `reason` follows "its checkpoint"."""
        self.note(f"started from scratch: its checkpoint {reason}")
        self.resumed = False
        self._rejected = True

    def save(self, state: Callable[[], State], share: float, *, always: bool = False) -> None:
        """Replace the file by `state()`, if enough time has passed since the last save, or `always`.

        If the file cannot be written, the run continues without checkpoints, with a note.
        """
        start = monotonic()
        wait = max(self.interval, self._seconds / MAX_SHARE) if self.interval else 0.0
        if not self._writable or not (always or start - self._last >= wait):
            return
        tensors: dict[str, Tensor] = {}
        text = json.dumps(_packed(state(), tensors), allow_nan=False)
        header = {"share": repr(share), "state": text, "check": _check(tensors, text, repr(share))}
        try:
            with atomic(self.path) as part:
                safetensors.torch.save_file(tensors, part, self.about | header)
        except (OSError, safetensors.SafetensorError) as e:
            self._writable = False
            self.note(f"ran without checkpoints: {e}")
        self._last = monotonic()
        self._seconds = self._last - start

    def remove(self) -> None:
        """Remove the file or folder, once the record is written, and those that other code wrote for the same run."""
        for path in self.path.parent.glob(f"{self.about['run']}-*"):
            with suppress(OSError):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()

    def _header(self) -> dict[str, str]:
        """The header. Raises UnusableCheckpoint where it is damaged or of another run."""
        if not self.path.exists():
            raise FileNotFoundError(self.path)
        if not self.path.is_file():  # a pipe would be waited for
            raise UnusableCheckpoint("is not a file")
        with safetensors.safe_open(self.path, "pt") as file:
            header = dict(file.metadata() or {})
        if not {"share", "state", "check"} <= set(header):
            raise UnusableCheckpoint(DAMAGED)
        for name, value in self.about.items():
            if header.get(name) != value:
                raise UnusableCheckpoint(f"does not match (other {name})")
        return header


def _share(header: dict[str, str]) -> float:
    share = float(header["share"])
    if not 0 <= share <= 1:
        raise UnusableCheckpoint(DAMAGED)
    return share


def _json(text: str) -> Any:
    """Raises ValueError for what is no JSON; `save` writes no NaN."""

    def refuse(constant: str) -> float:
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


def _check(tensors: dict[str, Tensor], text: str, share: str) -> str:
    """A checksum: a damaged file may have the right length."""
    total = zlib.crc32(f"{share} {text}".encode())
    for name in sorted(tensors):
        total = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, total)
    return f"{total:08x}"


def _packed(value: Any, tensors: dict[str, Tensor]) -> Any:
    """The value with the name of a tensor in place of the tensor, whose copy is added to `tensors`.

    Raises TypeError for a value that loading would not restore.
    """
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().to("cpu", copy=True).contiguous()
        return {TENSOR: name}
    if isinstance(value, list):
        return [_packed(inner, tensors) for inner in value]
    if isinstance(value, dict) and TENSOR not in value and all(type(key) is str for key in value):
        return {key: _packed(inner, tensors) for key, inner in value.items()}
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(f"a checkpoint cannot hold a {type(value).__name__}: {shorten(value)}")


def _unpacked(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_unpacked(inner, tensors) for inner in value]
    if isinstance(value, dict):
        if set(value) == {TENSOR}:
            return tensors[value[TENSOR]]
        return {key: _unpacked(inner, tensors) for key, inner in value.items()}
    return value
