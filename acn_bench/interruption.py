"""Ctrl-C, SIGTERM and SIGHUP: one line that says how to resume, and the exit code of the signal."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

STOPPING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
ENDS = {129: "the terminal closed", 130: "interrupted", 143: "terminated"}  # by exit code
SHOW_CURSOR = "\x1b[?25h"
PATIENCE = 1.8  # seconds that a command may take to stop, before it ends at once


class Stopped(KeyboardInterrupt):
    """A signal that stops the command."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def listen() -> None:
    """From here on each signal of STOPPING raises Stopped in the main thread; for programs, never for a library.

    A second signal ends the process at once, and so does a first one that is still without effect after
    PATIENCE: a library may have caught the exception.
    """
    for number in STOPPING:
        # a shell's background job ignores Ctrl-C, and `nohup` ignores SIGHUP
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def _heard() -> list[signal.Signals]:
    """The signals that `listen` listens to; none before it is called."""
    return [s for s in STOPPING if signal.getsignal(s) is _stop]


def _stop(number: int, _: FrameType | None) -> NoReturn:
    for again in _heard():
        signal.signal(again, _end)
    signal.signal(signal.SIGALRM, lambda *_: end(128 + number))
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    raise Stopped(number)


def allow(seconds: float) -> None:
    """After a first signal: what follows may take so many seconds, and PATIENCE, before the command ends at once."""
    if signal.getitimer(signal.ITIMER_REAL)[0]:
        signal.setitimer(signal.ITIMER_REAL, seconds + PATIENCE)


def _end(number: int, _: FrameType | None) -> NoReturn:
    end(128 + number)


def exit_code(error: KeyboardInterrupt) -> int:
    """As shells write it: 128 and the number of the signal."""
    return 128 + (error.number if isinstance(error, Stopped) else signal.SIGINT)


def end(code: int) -> NoReturn:
    """Print how to resume, and end the process now; `code` as from `exit_code`.

    An interrupt inside exec(), as in some imports, would otherwise end CPython by the signal.
    """
    line = f"{ENDS[code]}: finished runs are saved; run the same command again to resume\n"
    if sys.stderr.isatty():
        line = SHOW_CURSOR + line  # progress bars hide it
    with suppress(OSError, RuntimeError):  # nobody reads it; a signal came inside a write
        sys.stdout.flush()
    with suppress(OSError):
        os.write(2, line.encode())
    os._exit(code)


@contextmanager
def exits_at_once() -> Iterator[None]:
    """In the block, for imports, signals that are listened to end the process: nothing is left half done.

    An exception would not do: libraries catch it, and an interrupted import leaves half a library.
    """
    heard = _heard()
    for number in heard:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, _stop)


@contextmanager
def defer(*signals: signal.Signals) -> Iterator[None]:
    """The signals take effect at the end of the block, which must be short.

    A process that is started inside ignores them for good.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
