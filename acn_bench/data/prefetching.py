"""Pieces of work -> their results in order, made by a thread ahead of the one who asks: batches, while a step runs."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

AHEAD = 2  # results that wait: one is made while the other is about to be asked for


def prefetched(works: Iterable[Callable[[], T]], ahead: int = AHEAD) -> Iterator[T]:
    """The result of each work, in order; up to `ahead` of them are made before they are asked for.

    An error is raised where its result was asked for, and ends the iteration.
    """
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as thread:
        try:
            for work in works:
                waiting.append(thread.submit(work))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
