"""Where the files of a benchmark's runs lie, and how to write one whole or not at all.

A file is written under another name and then renamed, so that a file with a record's name is a whole record.
"""

import hashlib
import os
import re
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

# as `atomic` names a file that it writes; older files name no machine
PART = re.compile(r"\.(?P<name>.+)\.(?P<process>\d+)(-(?P<machine>[0-9a-f]{8}))?\.part")


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
        """The state of a run while it runs, one safetensors file a run; removed when its record is written."""
        return self.folder / "checkpoints"

    @property
    def locks(self) -> Path:
        """One file a run; the process that makes the run holds its lock."""
        return self.folder / "locks"

    @property
    def failures(self) -> Path:
        """Why a run failed, one text file a run."""
        return self.folder / "failures"

    @property
    def plans(self) -> Path:
        """The runs of each plan, one file a plan."""
        return self.folder / "plans"

    @property
    def running(self) -> Path:
        """The heartbeat of each run that is being made, one file a run."""
        return self.folder / "running"


@lru_cache
def machine() -> str:
    """8 hex digits that tell apart the machines and containers that share a folder."""
    words = [socket.gethostname()]
    with suppress(OSError):
        words.append(Path("/proc/sys/kernel/random/boot_id").read_text())
    with suppress(OSError):  # the numbers of processes are of a namespace
        words.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:8]


def part_of(path: Path) -> Path:
    """Where this process writes a file or folder before it is renamed to `path`."""
    return path.with_name(f".{path.name}.{os.getpid()}-{machine()}.part")


def is_own(part: Path) -> bool:
    """Whether this process made the part."""
    match = PART.fullmatch(part.name)
    return match is not None and part == part_of(part.with_name(match["name"]))


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary path to write to; at the end of the block it is renamed to `path`.

    Raises OSError that names `path` where it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(path)
    try:
        yield part
        with part.open("rb") as f:
            os.fsync(f.fileno())
        part.replace(path)
    except OSError as e:  # the error of a full disk names no file
        if e.errno and e.filename in (None, str(part)):
            raise OSError(e.errno, e.strerror, str(path)) from e
        raise
    finally:
        part.unlink(missing_ok=True)


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder of files, whole or not at all; one that stands there is replaced.

    Raises OSError that names `path` where it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(path)
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        for name, content in files.items():
            with (part / name).open("wb") as f:
                f.write(content)
                f.flush()
                os.fsync(f.fileno())
        shutil.rmtree(path, ignore_errors=True)
        part.rename(path)
    except OSError as e:
        raise OSError(e.errno, e.strerror, str(path)) from e
    finally:
        shutil.rmtree(part, ignore_errors=True)


def remove_parts(folder: Path, prefix: str) -> None:
    """Remove what processes that have ended left half-written, of files whose names begin with `prefix`."""
    for part in folder.glob(".*.part"):
        match = PART.fullmatch(part.name)
        if match and match["name"].startswith(prefix) and not is_running(part):
            with suppress(OSError):
                shutil.rmtree(part) if part.is_dir() else part.unlink()


def is_running(part: Path) -> bool:
    """Whether the process that writes this half-written file is running; one of another machine may be."""
    match = PART.fullmatch(part.name)
    if match and match["machine"] not in (None, machine()):
        return True
    try:
        os.kill(int(match["process"]) if match else 0, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # another user's; no number of a process
        return True
    return True
