"""What a folder says about its runs, without a process to ask."""

import os
import re
import subprocess
import sys
import time

import msgspec
import pytest
from typer.testing import CliRunner

from acn_bench.cli import app
from acn_bench.execution import activity, plan_file, status
from acn_bench.execution.plan_file import PlannedFile
from acn_bench.run_folder import RunFolder


def planned(*names):
    return [PlannedFile(f"run-{n}", f"run-{n}-0123abcd", f"run {n}", 60.0) for n in names]


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path / "tiny")
    for place in (folder.records, folder.failures, folder.running):
        place.mkdir(parents=True)
    plan_file.write(folder, planned("a", "b", "c", "d"))
    return folder


def states(folder):
    (one,) = status.read(folder.folder)
    return {run.name.removeprefix("run "): run.state for run in one.runs}


def test_runs_are_done_running_failed_and_waiting(folder):
    (folder.records / "run-a-0123abcd.t89abcdef.json").touch()
    (folder.failures / "run-b.txt").write_text("the loss became nan\n\nTraceback …")
    with activity.shown(folder, "run-c-0123abcd") as heartbeat:
        heartbeat.share = 0.25
        heartbeat._write()
        assert states(folder) == {"a": "done", "b": "failed", "c": "running", "d": "waiting"}
        (one,) = status.read(folder.folder.parent)
        (running,), (failed,) = one.of("running"), one.of("failed")
    assert running.heartbeat.activity.process == os.getpid()
    assert running.heartbeat.activity.share == 0.25
    assert failed.reason == "the loss became nan"
    assert one.counts == {"done": 1, "running": 1, "failed": 1, "waiting": 1}
    assert states(folder)["c"] == "waiting"  # its worker was stopped
    assert list(folder.running.iterdir()) == []


def test_a_run_is_silent_since_its_last_heartbeat_by_the_clock_of_the_files(folder):
    with activity.shown(folder, "run-a-0123abcd"):
        (file,) = folder.running.iterdir()
        about = msgspec.json.decode(file.read_bytes(), type=activity.Activity)
        others = file.with_name("run-a-0123abcd.77-0123abcd.json")  # a former owner's
        others.write_bytes(msgspec.json.encode(msgspec.structs.replace(about, host="elsewhere")))
        for path, age in ((file, 100), (others, 500)):
            os.utime(path, (time.time() - age,) * 2)
        (one,) = status.read(folder.folder)
    (run,) = one.of("running")  # its process is there, frozen perhaps
    assert run.heartbeat.activity.host == about.host
    assert 99 < run.heartbeat.silent < 110


WORKER = """
import sys, time
from pathlib import Path
from acn_bench.execution import activity
from acn_bench.run_folder import RunFolder
with activity.shown(RunFolder(Path(sys.argv[1])), "run-a-0123abcd") as heartbeat:
    heartbeat.share = 0.5
    heartbeat._write()
    print("shown", flush=True)
    time.sleep(600)
"""


def test_a_run_whose_worker_is_killed_waits_for_the_next_one(folder):
    worker = subprocess.Popen([sys.executable, "-c", WORKER, folder.folder], stdout=subprocess.PIPE)
    worker.stdout.readline()
    assert states(folder)["a"] == "running"
    worker.kill()
    worker.communicate()
    assert len(list(folder.running.iterdir())) == 1
    (one,) = status.read(folder.folder)
    (run,) = (run for run in one.of("waiting") if run.heartbeat)
    assert (run.name, run.heartbeat.activity.process) == ("run a", worker.pid)
    printed = CliRunner().invoke(app, ["status", str(folder.folder)]).stdout
    assert re.search(
        rf"^lost     run a: \S+, process {worker.pid}, was killed at 50 %; the next worker makes the run$",
        printed,
        re.MULTILINE,
    )
    (folder.failures / "run-a.txt").write_text("its process was killed by signal 9, twice")
    assert states(folder)["a"] == "failed"


def test_a_process_that_got_the_number_of_a_dead_worker_makes_no_run(folder):
    with activity.shown(folder, "run-a-0123abcd"):
        (file,) = folder.running.iterdir()
        about = msgspec.json.decode(file.read_bytes(), type=activity.Activity)
        file.write_bytes(msgspec.json.encode(msgspec.structs.replace(about, born="1")))
        assert states(folder)["a"] == "waiting"


@pytest.mark.parametrize(("age", "state"), [(30, "running"), (600, "waiting")])
def test_a_worker_elsewhere_is_taken_for_dead_once_it_is_silent_for_a_minute(folder, age, state):
    elsewhere = folder.running / "run-a-0123abcd.77-0123abcd.json"
    about = activity.Activity("node7", os.getpid(), "2026-01-01T00:00:00+00:00", 0.25, "12_3")
    elsewhere.write_bytes(msgspec.json.encode(about))
    os.utime(elsewhere, (time.time() - age,) * 2)
    assert states(folder)["a"] == state
    printed = CliRunner().invoke(app, ["status", str(folder.folder)]).stdout
    lost = "lost     run a: node7, 12_3, has been silent for 10 min at 25 %; the next worker makes the run"
    assert (lost in printed) == (state == "waiting")


def test_a_run_of_several_plans_is_one_run_and_the_last_plan_names_its_code(folder):
    old = time.time() - 100
    for path in folder.plans.iterdir():
        os.utime(path, (old, old))
    changed = [msgspec.structs.replace(run, stem=f"{run.run_id}-89abcdef") for run in planned("d", "e")]  # fmt: skip
    plan_file.write(folder, changed)
    (folder.plans / "broken.json").write_text("[")
    (folder.records / "run-d-0123abcd.json").touch()  # by code that is no more
    (folder.records / "run-e-89abcdef.json").touch()
    assert states(folder) == dict.fromkeys("abcd", "waiting") | {"e": "done"}


def test_a_job_of_a_cluster_is_named_as_its_commands_name_it(monkeypatch):
    for name in activity.JOB_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert activity.cluster_job() == ""
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    assert activity.cluster_job() == "12"
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "11")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    assert activity.cluster_job() == "11_3"


def test_a_folder_without_a_plan_is_no_folder_of_runs(tmp_path):
    with pytest.raises(LookupError, match="there is no plan below"):
        status.read(tmp_path)


def test_a_plan_that_was_submitted_and_has_not_begun_has_no_runs_yet(tmp_path):
    (tmp_path / "tiny" / "slurm").mkdir(parents=True)
    (one,) = status.read(tmp_path)
    assert (one.benchmark, one.runs) == ("tiny", [])
