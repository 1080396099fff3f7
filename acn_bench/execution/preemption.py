"""A request to stop, as schedulers make it -> a saved checkpoint: seconds of grace, time limits, and who listens."""

import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from acn_bench.errors import shorten
from acn_bench.training.stopping import EXIT_CODE, Stop

# Slurm kills 30 s after SIGTERM. Its --signal=USR1@120, and our own time limit, leave more.
GRACE = 25.0
LEAD = 110.0  # seconds before its time limit at which a worker begins to stop
LONGEST = 100.0  # seconds to save the state after SIGUSR1
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds(text: str) -> float:
    """A time limit: "50m", "90s", "1.5h", "2d", or Slurm's "1-12:00:00", "12:00:00". Raises ValueError."""
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text):
        limit = float(match[1]) * _UNITS[match[2]]
    elif match := re.fullmatch(r"(?:(\d+)-)?(\d+):(\d\d):(\d\d)", text):
        days, hours, minutes, rest = (int(word or 0) for word in match.groups())
        limit = float(((days * 24 + hours) * 60 + minutes) * 60 + rest)
    else:
        limit = 0.0
    if not 0 < limit < 10**8:
        raise ValueError(f"--time-limit: {shorten(text)} is no time; write 50m, 12h or 1-12:00:00")
    return limit


def begin(limit: float) -> float:
    """Seconds of a time limit after which a worker begins to stop."""
    return limit - min(LEAD, limit / 4)


class StopRequest:
    """SIGTERM and SIGUSR1 in a worker: inside a run, a request to save its state and end; else its end.

    The worker's process listens itself: schedulers signal all processes of a job.
    """

    def __init__(self) -> None:
        self.training = Stop()  # a trainer looks at it after each step
        self._running = False

    def listen(self, *, saves: bool) -> None:
        """Listen from now on. `saves`: SIGTERM leaves any run time to save; else it does so to a trainer alone."""
        signal.signal(signal.SIGUSR1, self._request)
        signal.signal(signal.SIGTERM, self._request if saves else self.training.request)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})  # blocked while it started

    @contextmanager
    def in_run(self) -> Iterator[None]:
        """Inside the block a run is made."""
        self._running = True
        try:
            yield
        finally:
            self._running = False
        if self.training.requested:
            sys.exit(EXIT_CODE)

    def is_made(self) -> bool:
        """Whether the run is to save its state and end."""
        return self.training.requested

    def _request(self, *_: object) -> None:
        if not self._running:
            sys.exit(EXIT_CODE)
        self.training.requested = True


def request(process: int) -> None:
    """Ask a worker's process to save its state and end."""
    os.kill(process, signal.SIGUSR1)
