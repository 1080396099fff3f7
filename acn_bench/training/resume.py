"""What a run is made of between two epochs <-> one safetensors file, the numbers as JSON in its header.

A file is of use to the run that wrote it alone: the same config, code, libraries and device. What is
damaged or of something else is left aside with a note, and the run begins anew.
"""

import json
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

from acn_bench.run_folder import atomic

State = dict[str, Any]  # of tensors, numbers, strings, None, and lists and dicts of these

INTERVAL = 10.0  # seconds between two checkpoints of a run, at least
THRIFT = 50  # and as many times what the last one took: 2 % of a run at most
TENSOR = "tensor"  # the one key of a dict that stands for a tensor in JSON


class ResumeFile:
    """The file of one run. `about` says what it is of, each word under its name.

    `note` is told, in a sentence without its full stop, what became of a file that was there.
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
        self._last, self._took = monotonic(), 0.0
        self._works = True

    @property
    def share(self) -> float | None:
        """How much of the run the file holds, in [0, 1]; None where there is none of use. Reads the header."""
        try:
            return float(self._header()["share"])
        except (OSError, ValueError, safetensors.SafetensorError):
            return None

    def load(self) -> State | None:
        """What the file holds, on the CPU; None where there is none of use."""
        try:
            header = self._header()
            tensors = safetensors.torch.load_file(self.path)
            if header["check"] != _check(tensors, header["state"]):
                raise ValueError("is damaged")
        except FileNotFoundError:
            if list(self.path.parent.glob(f"{self.about['run']}-*.safetensors")):
                self.note("began anew: the checkpoint that is there is of another code")
            return None
        except OSError as e:
            self.note(f"began anew: its checkpoint cannot be read: {e.strerror or e}")
            return None
        except safetensors.SafetensorError:
            self.note("began anew: its checkpoint is damaged")
            return None
        except ValueError as e:
            self.note(f"began anew: its checkpoint {e}")
            return None
        self.note(f"went on from its checkpoint, at {100 * float(header['share']):.0f} %")
        found: State = _unpacked(json.loads(header["state"]), tensors)
        return found

    def save(self, state: Callable[[], State], share: float, *, always: bool = False) -> None:
        """Write `state()` in place of what the file holds, where enough time has passed, or `always`.

        A disk that is full does not stop the run, which has yet to write its record: it is noted.
        """
        began = monotonic()
        wait = max(self.interval, THRIFT * self._took) if self.interval else 0.0
        if not self._works or not (always or began - self._last >= wait):
            return
        tensors: dict[str, Tensor] = {}
        text = json.dumps(_packed(state(), tensors), allow_nan=False)
        said = {"share": repr(share), "state": text, "check": _check(tensors, text)}
        try:
            with atomic(self.path) as part:
                safetensors.torch.save_file(tensors, part, self.about | said)
        except (OSError, safetensors.SafetensorError) as e:
            self._works = False
            self.note(f"went without checkpoints: {e}")
        self._last = monotonic()
        self._took = self._last - began

    def remove(self) -> None:
        """Once the record is there. What other code left of the same run goes, too."""
        for path in self.path.parent.glob(f"{self.about['run']}-*.safetensors"):
            with suppress(OSError):
                path.unlink()

    def _header(self) -> dict[str, str]:
        """Raises ValueError, in words that follow "its checkpoint", where the file is of something else."""
        if not self.path.exists():
            raise FileNotFoundError(self.path)
        with safetensors.safe_open(self.path, "pt") as file:
            header = dict(file.metadata() or {})
        if not {"share", "state", "check"} <= set(header):
            raise ValueError("is damaged")
        for name, here in self.about.items():
            if header.get(name) != here:
                raise ValueError(f"is of another {name}")
        return header


def _check(tensors: dict[str, Tensor], text: str) -> str:
    """A checksum: a disk may keep a file whole in length, and not in content."""
    total = zlib.crc32(text.encode())
    for name in sorted(tensors):
        total = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, total)
    return f"{total:08x}"


def _packed(value: Any, tensors: dict[str, Tensor]) -> Any:
    """The value with a number in place of each tensor, whose copy goes to `tensors`.

    Raises TypeError for what would not come back as it is.
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
    raise TypeError(f"a checkpoint cannot keep a {type(value).__name__}: {value!r:.80}")


def _unpacked(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_unpacked(inner, tensors) for inner in value]
    if isinstance(value, dict):
        if set(value) == {TENSOR}:
            return tensors[value[TENSOR]]
        return {key: _unpacked(inner, tensors) for key, inner in value.items()}
    return value
