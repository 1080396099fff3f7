"""A request to stop a training, made by a signal or another thread -> a saved checkpoint, and the exit code 143."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

EXIT_CODE = 143  # of SIGTERM, as shells write it


class Stop:
    """Whether somebody asked to stop, and whether a training is there that saves before it does.

    >>> stop = Stop()
    >>> with stop.on(signal.SIGTERM):
    ...     Trainer(..., stop=stop).fit()
    """

    def __init__(self) -> None:
        self.requested = False
        self.heeded = False  # a training looks at `requested` after each step

    def request(self, *_: object) -> None:
        """Ask to stop. Ends the process at once where no training would save: exit code 143."""
        self.requested = True
        if not self.heeded:
            sys.exit(EXIT_CODE)

    @contextmanager
    def heed(self) -> Iterator[None]:
        """In the block a training looks at `requested`."""
        self.heeded = True
        try:
            yield
        finally:
            self.heeded = False

    @contextmanager
    def on(self, *signals: signal.Signals) -> Iterator[None]:
        """In the block these signals ask to stop, however often they come. Main thread only.

        A cluster may send SIGTERM to a process directly and through its launcher.
        """
        before = {number: signal.signal(number, self.request) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
