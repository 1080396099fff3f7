"""A function of many items in two processes: this one, and one that is forked, so that it has the same in memory.

A report of 1,000 records takes seconds of pure Python, and two processes halve them. The function must neither print
nor use threads; its results are pickled.
"""

import os
import pickle
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import BinaryIO, TypeVar

from acn_bench.cores import cores

MANY = 200  # records: of fewer, the second process saves less than it takes
_NUMBER = 4  # bytes of an item's number; a pipe holds 16,384 of them

T = TypeVar("T")
R = TypeVar("R")


def mapped(
    function: Callable[[T], R],
    items: Sequence[T],
    *,
    worthwhile: bool = True,
    progress: Callable[[T], None] = lambda _: None,
) -> list[R]:
    """[function(item) for item in items]; each process takes the next item when it is free.

    One process does all where a second one is not `worthwhile` or cannot be forked. It makes up for results that the
    second one did not send, so what the first failing item raises is raised here. `progress` is called with each item
    that this process takes.
    """
    results: dict[int, R] = {}
    if worthwhile and 1 < len(items) <= 2**14 and _may_fork():
        results = _shared(function, items, progress)
    for k, item in enumerate(items):
        if k not in results:
            progress(item)
            results[k] = function(item)
    return [results[k] for k in range(len(items))]


def _shared(
    function: Callable[[T], R], items: Sequence[T], progress: Callable[[T], None]
) -> dict[int, R]:
    """The results by number; without those of an item that fails, and of all that its process had yet to take."""
    numbers, end = os.pipe()
    os.write(end, b"".join(k.to_bytes(_NUMBER, "little") for k in range(len(items))))
    os.close(end)
    done, end = os.pipe()
    with os.fdopen(os.memfd_create("results"), "w+b") as file:
        if (child := _fork()) == 0:
            _second(function, items, numbers, file)
        os.close(end)
        results: dict[int, R] = {}
        try:
            with suppress(Exception):  # raised again by the caller, in the order of the items
                for k in _taken(numbers):
                    progress(items[k])
                    results[k] = function(items[k])
            os.read(done, 1)  # returns when the second process has ended
            return results | dict(_sent(file))
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(numbers)
            os.close(done)


def _may_fork() -> bool:
    """Whether it is safe, and there is a core: torch's threads would be missing in the second process."""
    return sys.platform == "linux" and "torch" not in sys.modules and cores() > 1


def _fork() -> int:
    with warnings.catch_warnings():
        # OpenBLAS starts its idle threads again after a fork; the console's thread draws in the first process alone
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _second(function: Callable[[T], R], items: Sequence[T], numbers: int, file: BinaryIO) -> None:
    """Write (number, result) of each item taken, and end this process without any of the first one's duties."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for k in _taken(numbers):
            pickle.dump((k, function(items[k])), file, protocol=pickle.HIGHEST_PROTOCOL)
        file.flush()
    finally:
        os._exit(0)


def _taken(numbers: int) -> Iterator[int]:
    """Take the next number until none is left."""
    while number := os.read(numbers, _NUMBER):
        yield int.from_bytes(number, "little")


def _sent(file: BinaryIO) -> Iterable[tuple[int, R]]:
    """What the second process wrote, as far as it came."""
    file.seek(0)
    with suppress(EOFError, pickle.UnpicklingError):
        while True:
            yield pickle.load(file)
