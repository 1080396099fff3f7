"""Ctrl-C, put off until a piece of work that it must not cut in two is done."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def defer() -> Iterator[None]:
    """Ctrl-C waits for the end: an import that it cuts short leaves half a library behind.

    A process started inside never hears it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
