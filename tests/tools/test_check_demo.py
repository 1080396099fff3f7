"""The demonstration is looked at, not trusted."""

import subprocess
import sys
from runpy import run_path

import pytest
from msgspec.structs import replace

from acn_bench import records


@pytest.fixture
def made(root):
    """Records that no run made: `made(strategies, seeds=…, experiences=…, result=…)`."""
    return run_path(str(root / "tests" / "reports" / "conftest.py"))["make_records"]


def countable(record):
    """The record with so many examples that its rounded accuracies are whole numbers of them."""
    counts = [10_000] * record.config.benchmark.experiences
    held_out = replace(record.result.validation, counts=counts, changes=None, depth_accuracy=None)
    result = replace(record.result, test_counts=counts, depth_accuracy=None, validation=held_out)
    return replace(record, result=result)


def with_code(record, code):
    return replace(record, provenance=replace(record.provenance, code=code))


def checked(root, folder, made, *, report=True):
    """The check of a demonstration that left these records: exit code, what it printed, what it missed."""
    for record in made:
        records.save(countable(record), folder / "records")
    if report:
        (folder / "report.html").write_text("<p>")
    command = [sys.executable, str(root / "tools" / "check_demo.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    return done.returncode, done.stdout, done.stderr


def test_a_stream_that_is_learned_and_forgotten_is_enough_and_the_report_is_named(
    root, tmp_path, made
):
    strategies = ("naive", "si", "joint")  # each has files of its own
    runs = [with_code(r, r.config.strategy.name) for r in made(strategies, experiences=3)]
    code, printed, missed = checked(root, tmp_path, runs)
    assert (code, missed) == (0, "")
    assert printed.count("ac_mixer:plain") == printed.count("residual_mixer:plain") == 3
    assert printed.endswith(f"Report: {tmp_path / 'report.html'}\n")


@pytest.mark.parametrize(
    ("R", "why"),
    [
        ([[0.5, None], [0.2, 0.5]], "naive ac_mixer:plain learned 50.0 %, not 60%"),
        ([[0.8, None], [0.75, 0.8]], "naive ac_mixer:plain forgot 5.0 %, not 10%"),
    ],
)
def test_a_stream_that_shows_nothing_is_told(root, tmp_path, made, R, why):
    nothing = {"accuracy": R, "depth_accuracy": None}
    records = made(("naive",), ("ac",), (0,), experiences=2, result=nothing)
    code, _, missed = checked(root, tmp_path, records)
    assert code == 1
    assert why in missed


def test_no_record_and_no_report_are_told(root, tmp_path, made):
    assert "there is no record below" in checked(root, tmp_path, [])[2]
    code, _, missed = checked(root, tmp_path / "b", made(experiences=3), report=False)
    assert code == 1
    assert f"there is no report at {tmp_path / 'b' / 'report.html'}" in missed
