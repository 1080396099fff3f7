"""A function of many items in two processes gives what one process gives."""

import os
import signal

import pytest

from acn_bench import two_processes
from acn_bench.two_processes import mapped

FIRST = os.getpid()


@pytest.fixture(autouse=True)
def _forks(monkeypatch):
    monkeypatch.setattr(two_processes, "_may_fork", lambda: True)
    monkeypatch.setitem(globals(), "FIRST", os.getpid())


def second() -> bool:
    return os.getpid() != FIRST


def wait_for_the_other(seconds=0.05):
    """Leave the next items to the other process."""
    signal.sigtimedwait([], seconds)


def test_results_stand_in_the_order_of_the_items_and_both_processes_make_some():
    def made(k):
        wait_for_the_other(0.005)
        return k * k, second()

    results = mapped(made, range(40))
    assert [square for square, _ in results] == [k * k for k in range(40)]
    assert {by_second for _, by_second in results} == {False, True}


def test_the_first_item_that_fails_raises_in_this_process_whichever_process_took_it():
    def fails(k):
        wait_for_the_other(0.005)
        if k in (3, 4, 5):
            raise ValueError(f"item {k}")
        return k

    with pytest.raises(ValueError, match="item 3"):
        mapped(fails, range(8))


def test_what_a_killed_second_process_did_not_send_is_made_here():
    def killed(k):
        wait_for_the_other(0.01)
        if second() and k > 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return k

    assert mapped(killed, range(12)) == list(range(12))


def test_what_cannot_be_pickled_is_made_here():
    results = mapped(lambda k: lambda: k, range(4))
    assert [result() for result in results] == [0, 1, 2, 3]


def test_a_second_process_that_is_not_needed_any_more_is_gone(monkeypatch):
    forked = []

    def fork():
        forked.append(os.fork())
        return forked[-1]

    monkeypatch.setattr(two_processes, "_fork", fork)
    mapped(lambda _: wait_for_the_other(0.01), range(4))
    (child,) = forked
    with pytest.raises(ChildProcessError):
        os.waitpid(child, os.WNOHANG)


def test_one_process_makes_all_where_two_are_not_worthwhile():
    assert mapped(lambda _: second(), range(4), worthwhile=False) == [False] * 4


def test_progress_is_told_of_the_items_of_this_process_alone():
    told = []
    results = mapped(
        lambda _: wait_for_the_other(0.01) or second(), range(10), progress=told.append
    )
    assert told == [k for k, by_second in enumerate(results) if not by_second]
