"""The attack of `make attack`, in short; and that it sees the faults that it looks for."""

import sys
from importlib import import_module
from random import Random

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="it needs Linux's limits and events"
)

WHOLE = """
import sys
sys.path.insert(0, FOLDER)
sys.stdout = open(LOG, "w")
import campaign
sys.exit(campaign.main(["--short", "--folder", OUT]))
"""
FAULTY = """
import os, sys, time
sys.path.insert(0, FOLDER)
from pathlib import Path
import findings, forked

def faults(before, seconds=60.0):
    os.environ["HOME"] = OUT
    outcome = forked.command(["list", "data"], Path(OUT), (), before, seconds)
    return "; ".join(findings.of(outcome).faults)

def expect(words, found):
    if words not in found or not words and found:
        raise SystemExit(f"{words!r} is not {found!r}")

expect("", faults(lambda: None))
expect(f"changes '{OUT}x' outside", faults(lambda: open(f"{OUT}x", "w")))
expect("a traceback: MemoryError", faults(lambda: bytearray(2**31)))
expect("has not ended", faults(lambda: time.sleep(60), seconds=0.1))
expect("ended by signal 6", faults(os.abort))
"""


@pytest.fixture
def in_clean_process(_forkserver, root, tmp_path):
    """Runs a program in a process that has imported what runs need, and has computed nothing."""

    def run(program):
        log = tmp_path / "log"
        names = {"FOLDER": str(root / "tools" / "attack"), "LOG": str(log), "OUT": str(tmp_path / "out")}  # fmt: skip
        process = _forkserver.Process(target=exec, args=(program, names))
        process.start()
        process.join(timeout=300)
        return process.exitcode, log.read_text() if log.exists() else ""

    return run


def test_no_command_is_led_astray_by_what_it_reads_nor_by_kills(in_clean_process):
    code, log = in_clean_process(WHOLE)
    assert code == 0, log
    assert " kills, 0 faults" in log


def test_it_sees_a_command_that_hangs_floods_aborts_or_writes_elsewhere(in_clean_process):
    assert in_clean_process(FAULTY) == (0, "")


# ---------------------------------------------------------------- what is wrong with the end of a command


@pytest.fixture
def attack(root, monkeypatch):
    """Imports a module of the attack."""
    monkeypatch.syspath_prepend(str(root / "tools" / "attack"))
    return import_module


@pytest.mark.parametrize(
    ("code", "errors", "fault"),
    [
        (0, "", None),
        (2, "error: no\n", None),
        (1, "error: 1 of 2 runs failed\n", None),
        (3, "", "exit code 3"),
        (-11, "", "ended by signal 11"),
        (None, "", "has not ended"),
        (99, "", "read as another record"),
        (2, "", "0 lines begin with `error:`, not 1"),
        (0, "error: no\n", "1 lines begin with `error:`, not 0"),
        (2, "error: no\nerror: no\n", "2 lines begin"),
        (2, f"error: {'x' * 3000}\n", "an error of 3007 characters"),
        (
            1,
            "error: no\nTraceback (most recent call last)\nKeyError: 1\n",
            "traceback: KeyError: 1",
        ),
        (2, "error: \x1b[31m\n", "control characters"),
    ],
)
def test_a_command_ends_with_its_code_and_one_line(attack, code, errors, fault):
    outcome = attack("forked").Outcome(code, "", errors, (), 0.1)
    faults = attack("findings").of(outcome).faults
    assert [fault in f for f in faults] == [True] * (fault is not None)


def test_what_a_kill_must_leave_is_what_an_undisturbed_command_leaves(attack):
    other = attack("kills")._other
    whole = {"records/a.json": {"accuracy": 0.5}, "weights/a": "12"}
    assert other(whole, whole, complete=True) == []
    assert other(whole, {"weights/a": "12"}, complete=False) == []
    assert other(whole, {"weights/a": "12"}, complete=True) == ["records/a.json is lost"]
    assert other(whole, {"weights/a": "34"}, complete=False) == ["weights/a is not what it is undisturbed"]  # fmt: skip
    twice = whole | {"records/a.2.json": {}}
    assert other(whole, twice, complete=False) == ["records/a.2.json should not be there"]


def test_a_case_is_the_same_whenever_it_is_drawn(attack):
    mutations = attack("mutations")

    def texts(word):
        random = Random(word)
        return mutations.damaged(b"0123456789", random), mutations.edited({"a": [1, "x"]}, random)

    assert texts("0 x 7") == texts("0 x 7")
    assert len({texts(f"0 x {k}") for k in range(50)}) > 40
