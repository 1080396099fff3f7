"""One lock a run, held by the process that makes it: `flock` on a local disk, a lease on other file systems."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock

from acn_bench.errors import shorten
from acn_bench.execution import file_system
from acn_bench.execution.lease import DURATION, Leases

LockKind = Literal["flock", "lease"]
CHOICES = ("auto", "flock", "lease")


class SupersededError(BaseException):
    """Another process makes the run, or has made it. No Exception: a user's code must not catch it."""


@dataclass(frozen=True)
class Claim:
    """The right to make a run, which a lease may pass on."""

    token: str = (
        ""  # in the names of what this owner writes; empty where there is one owner at a time
    )
    lost: Callable[[], bool] = lambda: False  # whether another process has the right; cheap
    check: Callable[[], None] = lambda: None  # raises SupersededError before a record is written
    stopping: Callable[[], bool] = lambda: False  # whether the run is to save its state and end


ALONE = Claim()  # of a process that excludes others by its lock, or has none beside it


@dataclass(frozen=True)
class Choice:
    """The kind of lock in a folder, and a sentence for the plan."""

    kind: LockKind
    reason: str


def choose(folder: Path, asked: str = "auto") -> Choice:
    """The kind of lock for a folder, which need not exist.

    Raises ValueError for an unknown kind, and for `flock` where other commands use leases.
    """
    if asked not in CHOICES:
        raise ValueError(f"--lock: unknown {shorten(asked)}. Known: {', '.join(CHOICES)}")
    name = file_system.kind(folder)
    where = name or "this file system"
    lease = f"a lease of {DURATION:g} s for each run"
    if _marker(folder).exists():
        if asked == "flock":
            raise ValueError(f"--lock flock: commands in {folder} use leases; take --lock lease")
        return Choice("lease", f"{lease}, as other commands here take it ({where})")
    if asked != "auto":
        return Choice(asked, f"{lease} ({where})" if asked == "lease" else f"flock on {where}")  # type: ignore[arg-type]
    if not file_system.is_local(name):
        return Choice("lease", f"{lease}: locks on {name} may not reach other machines")
    if reason := _refusal(folder):
        return Choice("lease", f"{lease}: {where} has no locks ({reason})")
    return Choice("flock", f"flock on {where}")


def announce(folder: Path, kind: LockKind) -> None:
    """Tell later commands in the folder to use leases too, wherever they run."""
    if kind == "lease":
        folder.mkdir(parents=True, exist_ok=True)
        _marker(folder).touch()


def _marker(folder: Path) -> Path:
    return folder / "lease"


def _refusal(folder: Path) -> str | None:
    """Why nothing in this folder can be locked; None where it can. Writes nothing."""
    place = os.open(file_system.nearest(folder), os.O_RDONLY)
    try:
        fcntl.flock(place, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:  # somebody holds it
        return None
    except OSError as e:
        return e.strerror or str(e)
    finally:
        os.close(place)
    return None


class Locks:
    """The locks of a folder's runs, as one process takes them."""

    def __init__(self, folder: Path, kind: LockKind, duration: float = DURATION) -> None:
        """`folder` holds the lock files; `duration`, in seconds, is the same for all commands."""
        self.folder, self.kind = folder, kind
        self.leases = Leases(folder, duration)

    @contextmanager
    def take(self, stem: str) -> Iterator[Claim]:
        """The run's lock, taken at once. Raises filelock.Timeout where another process holds it."""
        if self.kind == "flock":
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / f"{stem}.lock").acquire(timeout=0):
                yield ALONE
            return
        lease = self.leases.take(stem)
        try:
            yield Claim(lease.token, lambda: lease.lost)
        finally:
            lease.release()
