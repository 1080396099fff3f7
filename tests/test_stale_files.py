"""What a killed command left is removed by the next one, unless somebody is at work on it."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
from filelock import FileLock

from acn_bench import reports
from acn_bench.benchmarks.continual.example import example_record
from acn_bench.execution import stale_files
from acn_bench.execution.job import Job
from acn_bench.run_folder import RunFolder, machine

STEM = "naive-ac_mixer-d1-s0-0123abcd-4567cdef"


@pytest.fixture
def job(tmp_path):
    folder = RunFolder(tmp_path / "tiny")
    for place in (folder.records, folder.weights, folder.checkpoints, folder.locks):
        place.mkdir(parents=True)
    return Job(folder, {}, None, ("cpu",), threads=1, again=False)


@pytest.fixture(scope="module")
def dead():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def write(*paths):
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_text("{")
    return paths


def of_a_run(job, number):
    """What a kill can leave of a run: half-written files, and a checkpoint whose record is there."""
    folder = job.folder
    return write(
        folder.records / f".{STEM}.json.{number}.part",
        folder.records / f".{STEM}.2.safetensors.{number}.part",
        folder.weights / f".{STEM}.safetensors.{number}.part",
        folder.checkpoints / f".{STEM}.safetensors.{number}.part",
        folder.checkpoints / f"{STEM}.safetensors",
    )


def whole(job):
    """What stays: a record and its files, and the checkpoint of its next record."""
    folder = job.folder
    return write(
        folder.records / f"{STEM}.json",
        folder.records / f"{STEM}.safetensors",
        folder.weights / f"{STEM}.safetensors",
        folder.checkpoints / f"{STEM}.2.safetensors",
        folder.records / ".notes.part",
    )


def test_what_a_kill_left_is_removed_and_nothing_else(job, dead):
    kept = whole(job)
    beside = write(
        job.folder.folder / f".report.html.{dead}.part",
        job.folder.folder / "failures" / f".run.txt.{dead}.part",
        job.folder.weights / f".{STEM}-cut.safetensors.{dead}.part",
        job.folder.records / f".other.json.{dead}.part",
    )
    left = of_a_run(job, dead)
    stale_files.remove_all(job)
    assert not any(path.exists() for path in (*left, *beside))
    assert all(path.exists() for path in kept)


def test_files_of_a_run_that_is_being_made_stay(job, dead):
    whole(job)
    left = of_a_run(job, dead)
    with FileLock(job.folder.locks / f"{STEM}.lock"):
        stale_files.remove_all(job)
        assert all(path.exists() for path in left)
    stale_files.remove_all(job)
    assert not any(path.exists() for path in left)


def test_a_report_that_is_being_written_stays(job):
    (part,) = write(job.folder.folder / f".report.html.{os.getpid()}.part")
    stale_files.remove_all(job)
    assert part.exists()


def test_a_report_removes_what_a_killed_one_left_and_nothing_of_one_that_is_being_written(
    tmp_path, dead
):
    left = write(
        tmp_path / f".report.tex.{dead}.part", tmp_path / f".report_tables.csv.{dead}.part"
    )
    kept = write(
        tmp_path / f".report.html.{os.getpid()}.part", tmp_path / f".notes.json.{dead}.part"
    )
    reports.write([example_record()], None, tmp_path, ["md"])
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in kept)


def test_the_owner_of_a_run_removes_its_files_alone(job, dead):
    whole(job)
    left = of_a_run(job, dead)
    (other,) = write(job.folder.records / f".other-{STEM}.json.{dead}.part")
    stale_files.remove_of_run(job, STEM)
    assert not any(path.exists() for path in left)
    assert other.exists()


# ---------------------------------------------------------------- where runs have leases


def test_with_a_lease_half_written_files_stay_until_there_is_a_record(job, dead):
    """The former owner may be alive on another machine, about to finish its record."""
    leased = replace(job, lock="lease")
    folder = job.folder
    own = write(
        folder.records / f".{STEM}.t0123abcd.json.{dead}-01234567.part",
        folder.checkpoints / f"{STEM}.t0123abcd.safetensors",
    )
    stale_files.remove_of_run(leased, STEM)
    assert all(path.exists() for path in own)
    (record,) = write(folder.records / f"{STEM}.t89abcdef.json")
    stale_files.remove_of_run(leased, STEM)
    assert not any(path.exists() for path in own)
    assert record.exists()


def test_the_folder_of_a_trainers_checkpoints_goes_with_its_record_and_not_before(job):
    folder = job.folder
    kept, stale = folder.checkpoints / STEM, folder.checkpoints / f"{STEM}.2"
    write(kept / "state.json", stale / "state.json", folder.records / f"{STEM}.2.json")
    stale_files.remove_all(job)
    assert kept.exists()
    assert not stale.exists()


def test_half_a_heartbeat_goes_though_its_name_ends_as_that_of_a_run(job, dead):
    name = f".{STEM}.{dead}-{machine()}.json.{dead}-{machine()}.part"
    (part,) = write(job.folder.running / name)
    stale_files.remove_all(job)
    assert not part.exists()


def test_a_report_that_another_machine_writes_stays(job, dead):
    (part,) = write(job.folder.folder / f".report.html.{dead}-01234567.part")
    stale_files.remove_all(job)
    assert part.exists()
