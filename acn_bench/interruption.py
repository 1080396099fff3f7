"""Defer Ctrl-C until a block of code is complete."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def defer() -> Iterator[None]:
    """Ctrl-C takes effect at the end of the block: an interrupted import leaves half a library.

    A process that is started inside ignores it for good.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
