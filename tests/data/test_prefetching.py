"""Work is done ahead of the one who asks, in order."""

import threading
from functools import partial

import pytest

from acn_bench.data.prefetching import prefetched


def test_results_come_in_order_and_from_one_other_thread():
    threads = []

    def work(k):
        threads.append(threading.current_thread().name)
        return k

    assert list(prefetched(partial(work, k) for k in range(20))) == list(range(20))
    assert set(threads) == {"prefetch_0"}


def test_no_more_than_ahead_are_done_before_they_are_asked_for():
    done = []
    results = prefetched((partial(done.append, k) for k in range(9)), ahead=2)
    next(results)
    results.close()
    assert len(done) <= 3


def test_an_error_is_raised_where_its_result_is_asked_for():
    def works():
        yield lambda: 1
        yield lambda: 1 / 0
        yield lambda: 3

    results = prefetched(works())
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert list(results) == []
