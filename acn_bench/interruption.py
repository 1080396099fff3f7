"""Ctrl-C and SIGTERM: one line that says how to resume, and the exit code of the signal."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

STOPPING = (signal.SIGINT, signal.SIGTERM)
ENDS = {130: "interrupted", 143: "terminated"}  # exit code -> what happened


class Terminated(KeyboardInterrupt):
    """SIGTERM, raised where Ctrl-C would raise KeyboardInterrupt: both stop a command in the same way."""


def raise_on_sigterm() -> None:
    """From here on SIGTERM raises Terminated, in the main thread."""

    def handler(*_: object) -> NoReturn:
        raise Terminated

    signal.signal(signal.SIGTERM, handler)


def exit_code(error: KeyboardInterrupt) -> int:
    """As shells write it: 128 and the number of the signal."""
    return 128 + (signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT)


def end(code: int) -> NoReturn:
    """Print how to resume, and end the process now; `code` as from `exit_code`.

    An interrupt inside exec(), as in some imports, would otherwise end CPython by the signal.
    """
    line = f"{ENDS[code]}: finished runs are saved; run the same command again to resume\n"
    with suppress(OSError, RuntimeError):  # nobody reads it; a signal came inside a write
        sys.stdout.flush()
    with suppress(OSError):
        os.write(2, line.encode())
    os._exit(code)


@contextmanager
def exits_at_once() -> Iterator[None]:
    """In the block, for imports, Ctrl-C and SIGTERM end the process: nothing runs that could be left half done.

    An exception would not do: libraries catch it, and an interrupted import leaves half a library.
    """

    def handler(number: int, _: FrameType | None) -> NoReturn:
        end(128 + number)

    # a shell's background job ignores Ctrl-C, and goes on ignoring it
    before = {s: signal.getsignal(s) for s in STOPPING}
    heard = [s for s in STOPPING if before[s] is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


@contextmanager
def defer(*signals: signal.Signals) -> Iterator[None]:
    """The signals, Ctrl-C by default, take effect at the end of the block, which must be short.

    A process that is started inside ignores them for good.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals or {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
