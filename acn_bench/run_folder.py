"""Where the files of a benchmark's runs lie, and a way to write one whole or not at all.

A file is written beside its place and then moved there, so that what has the name of a record is one.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunFolder:
    """Where the files of a benchmark's runs lie, below `--out`."""

    folder: Path  # <out>/<benchmark>

    @property
    def records(self) -> Path:
        """One JSON file a run; per-example outcomes beside it."""
        return self.folder / "records"

    @property
    def weights(self) -> Path:
        """Final weights, one safetensors file a run."""
        return self.folder / "weights"

    @property
    def checkpoints(self) -> Path:
        """What a run is made of while it runs, one safetensors file a run; gone once its record is there."""
        return self.folder / "checkpoints"

    @property
    def locks(self) -> Path:
        """One file a run: whoever holds its lock is running it."""
        return self.folder / "locks"


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A path to write to; what was written there becomes `path` at the end, in one step.

    Raises OSError that names `path` where it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        with part.open("rb") as f:
            os.fsync(f.fileno())
        part.replace(path)
    except OSError as e:  # a full disk says neither what was written nor where
        if e.errno and e.filename in (None, str(part)):
            raise OSError(e.errno, e.strerror, str(path)) from e
        raise
    finally:
        part.unlink(missing_ok=True)
