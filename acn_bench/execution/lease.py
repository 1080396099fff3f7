"""A lease a run, where file locks do not reach every machine: numbered claims as files, with a heartbeat.

The claims on a run are the files 1, 2, … of one folder, and the highest holds the lease. Making a file that exists
fails, so each number has one owner. The owner rewrites its file's counter; whoever has watched the file unchanged
for `duration` on a clock of its own makes the next number. The former owner is superseded: it can tell by
`superseded`, and what it still writes has names of its own, by its token. Clocks of machines are never compared.

filelock's SoftFileLease 4.2 takes an expired lease over by exchanging two names, which NFS and SMB refuse.
"""

import json
import os
import secrets
import threading
import time
from contextlib import suppress
from pathlib import Path

from filelock import Timeout

from acn_bench.execution import process
from acn_bench.run_folder import machine, part_of

DURATION = 60.0  # seconds without a heartbeat after which others may take a lease
BEATS = 6  # in a duration
_WIDTH = 12  # characters of the first line, which heartbeats replace in place
_RELEASED = "released"


class Lease:
    """A lease that this process holds; `lost` is set by the heartbeat once another process has it."""

    def __init__(self, path: Path, token: str, interval: float) -> None:
        self.path, self.token, self.lost = path, token, False
        self._file = os.open(path, os.O_WRONLY)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, args=(interval,), daemon=True)
        self._thread.start()

    def superseded(self) -> bool:
        """Whether another process has made the next claim."""
        try:
            following = self.path.with_name(str(int(self.path.name) + 1))
            return following.exists() or not self.path.exists()
        except OSError:  # the file system does not answer: nobody can take the lease either
            return False

    def release(self) -> None:
        """End the heartbeat, and let others claim the run at once."""
        self._ended.set()
        self._thread.join()
        with suppress(OSError):
            self._write(_RELEASED)
        os.close(self._file)

    def _beat(self, interval: float) -> None:
        count = 0
        while not self._ended.wait(interval):
            if self.superseded():
                self.lost = True
                return
            count += 1
            with suppress(OSError):
                self._write(str(count))

    def _write(self, word: str) -> None:
        os.pwrite(self._file, word.ljust(_WIDTH).encode(), 0)
        os.fsync(self._file)


class Leases:
    """The leases of a folder, as one process takes them and watches those of others."""

    def __init__(self, folder: Path, duration: float = DURATION) -> None:
        self.folder, self.duration = folder, duration
        self._watched: dict[str, tuple[str, float]] = {}  # run -> its claim, unchanged since then

    def take(self, stem: str) -> Lease:
        """The run's lease. Raises filelock.Timeout where another process holds it."""
        place = self.folder / stem
        place.mkdir(parents=True, exist_ok=True)
        last = _last(place)
        if last and not self._is_free(stem, place / str(last)):
            raise Timeout(str(place))
        path, token = place / str(last + 1), secrets.token_hex(4)
        _make(path, f"{'0'.ljust(_WIDTH)}\n{json.dumps(_owner())}\n")
        if _last(place) != last + 1:  # others were quicker, and `_is_free` is of the past
            path.unlink(missing_ok=True)
            raise Timeout(str(place))
        for number in _numbers(place):
            if number <= last:
                (place / str(number)).unlink(missing_ok=True)
        self._watched.pop(stem, None)
        return Lease(path, token, self.duration / BEATS)

    def _is_free(self, stem: str, path: Path) -> bool:
        """Whether the last claim was released, its process has died here, or it is unchanged for too long."""
        now = time.monotonic()
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:  # a newer claim removed it
            return False
        if text.startswith(_RELEASED) or _has_died(text):
            return True
        content, since = self._watched.get(stem, ("", now))
        if content != f"{path.name} {text}":
            self._watched[stem] = f"{path.name} {text}", now
            return False
        return now - since >= self.duration


def _numbers(place: Path) -> list[int]:
    return [int(path.name) for path in place.iterdir() if path.name.isdecimal()]


def _last(place: Path) -> int:
    """The highest claim; 0 where there is none."""
    return max(_numbers(place), default=0)


def _make(path: Path, text: str) -> None:
    """Make a whole file. Raises filelock.Timeout where it exists."""
    part = part_of(path)
    part.write_text(text, encoding="utf-8")
    try:
        os.link(part, path)
    except FileExistsError:
        if part.stat().st_nlink < 2:  # else it was made, and the answer of a file server was lost
            raise Timeout(str(path)) from None
    except OSError:  # no hard links
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            raise Timeout(str(path)) from None
    finally:
        part.unlink(missing_ok=True)


def _owner() -> dict[str, object]:
    number = os.getpid()
    return {"machine": machine(), "process": number, "started": process.born(number)}


def _has_died(text: str) -> bool:
    """Whether the claim's process was one of this machine and has ended."""
    try:
        owner = json.loads(text.partition("\n")[2])
        if owner["machine"] != machine():
            return False
        return process.has_ended(int(owner["process"]), owner["started"])
    except (ValueError, TypeError, KeyError):  # half written, or of somebody else
        return False
