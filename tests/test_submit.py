"""`submit slurm` writes a script that people can read, and hands it to sbatch; `status` prints what is there."""

import os
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from acn_bench.cli import app
from acn_bench.execution import plan_file, preemption
from acn_bench.execution.forecast import Forecast
from acn_bench.execution.plan_file import PlannedFile
from acn_bench.execution.slurm import Submission
from acn_bench.run_folder import RunFolder

SLURM = ("submit", "slurm", "split_cifar100", "--data", "digits100", "--quick")


def call(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def sbatch(tmp_path, monkeypatch):
    """A cluster whose sbatch keeps the script that it is given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "sbatch"
    program.write_text(f'#!/bin/sh\ncp "$2" {tmp_path}/submitted.sh\necho "42;cluster"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "submitted.sh"


def test_a_plan_is_submitted_and_the_way_to_watch_and_to_stop_it_printed(sbatch, tmp_path):
    result = call(
        *SLURM, "--workers", 3, "--out", "shared runs", "--", "--time=1:00:00", "-p", "gpu"
    )
    assert result.exit_code == 0, result.output
    assert "job 42: 3 workers of split_cifar100" in result.stdout
    assert f"acn-bench status {tmp_path}/shared runs" in result.stdout
    assert "scancel 42" in result.stdout
    script = sbatch.read_text()
    lines = script.splitlines()
    for line in (
        "#SBATCH --array=1-3",
        "#SBATCH --requeue",
        "#SBATCH --open-mode=append",
        "#SBATCH --time=1:00:00",
        "#SBATCH -p gpu",
        f"cd {tmp_path} || exit",
    ):
        assert line in lines
    (srun,) = (line for line in lines if line.startswith("srun"))
    command = "-m acn_bench run split_cifar100 --data digits100 --quick"
    out = f"'--out={tmp_path}/shared runs'"
    assert srun == f'srun {sys.executable} {command} {out} --shard "$SLURM_ARRAY_TASK_ID/3"'
    assert subprocess.run(["bash", "-n", sbatch]).returncode == 0


@pytest.mark.parametrize(("status", "requeued"), [(0, False), (75, True), (143, False), (1, False)])
def test_a_worker_that_has_more_to_do_is_queued_again(sbatch, tmp_path, status, requeued):
    call(*SLURM, "--workers", 1)
    for name, body in {
        "srun": f"exit {status}",
        "scontrol": f'echo "$@" > {tmp_path}/again',
    }.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    job = {"SLURM_ARRAY_JOB_ID": "42", "SLURM_ARRAY_TASK_ID": "1"}
    ended = subprocess.run(["bash", sbatch], env=os.environ | job)
    assert ended.returncode == status
    again = tmp_path / "again"
    assert (again.read_text() if again.exists() else "") == ("requeue 42_1\n" if requeued else "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--strategies", "naivee"], "naive"),
        (["--seedz", "1"], "--seedz"),
        (["--workers", "0"], "--workers"),
        (["--shard", "9/8"], "9/8"),
        (["--processes", "2"], "a continual benchmark uses one process, and cannot use 2"),
    ],
)
def test_a_wrong_word_is_refused_before_anything_is_queued(sbatch, words, message):
    result = call(*SLURM, "--workers", "2", *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not sbatch.exists()


def test_what_sbatch_refuses_is_one_line(sbatch, tmp_path):
    program = tmp_path / "bin" / "sbatch"
    program.write_text("#!/bin/sh\necho 'sbatch: error: invalid partition' >&2\nexit 1\n")
    result = call(*SLURM, "--workers", 2)
    assert result.exit_code == 2
    assert result.stderr == "error: sbatch refused the script: sbatch: error: invalid partition\n"


def test_the_state_of_runs_is_printed(tmp_path):
    folder = RunFolder(tmp_path / "tiny")
    plan_file.write(folder, [PlannedFile(n, f"{n}-0123abcd", f"run {n}", 1.0) for n in "ab"])
    folder.records.mkdir()
    (folder.records / "a-0123abcd.json").touch()
    result = call("status", tmp_path)
    assert result.exit_code == 0
    assert result.stdout == "tiny  2 runs: 1 done, 0 running, 0 failed, 1 waiting\n"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("50m", 3000), ("90s", 90), ("1.5h", 5400), ("2d", 172800), ("12:00:00", 43200), ("1-00:00:01", 86401)],
)  # fmt: skip
def test_a_time_limit_is_read_as_people_and_slurm_write_it(text, seconds):
    assert preemption.seconds(text) == seconds
    assert 0 < preemption.begin(seconds) < seconds


@pytest.mark.parametrize("text", ["50", "0m", "soon", "1:00", "-1h", "9999999d"])
def test_what_is_no_time_is_refused_with_examples(text):
    with pytest.raises(ValueError, match="write 50m, 12h or 1-12:00:00"):
        preemption.seconds(text)


# ---------------------------------------------------------------- what a plan takes


@pytest.fixture(scope="module")
def forecasts(tmp_path_factory):
    """(the output, the script's folder): a plan of four runs, two of them with records of other seeds."""
    folder = tmp_path_factory.mktemp("forecast")
    words = ("--strategies", "naive", "--seeds", "0-3", "--workers", 2, "--jobs", 1, "--dry-run")
    first = call(*SLURM, *words, "--out", folder / "runs")
    return first, folder


def numbers(line):
    return [float(n.replace(",", "")) for n in re.findall(r"\d[\d,.]*\d|\d", line)]


def test_a_dry_run_prints_the_script_and_what_the_plan_takes_and_writes_nothing(forecasts):
    result, folder = forecasts
    assert result.exit_code == 0, result.output
    script, lines = result.stdout.split("\n\n", 1)
    assert "#SBATCH --array=1-2" in script
    facts = dict(line.split(None, 1) for line in lines.splitlines() if line and line.split()[0] in
                 ("runs", "core-hours", "clock", "disk"))  # fmt: skip
    assert facts["runs"] == "8 to do; seconds by steps timed on this machine"
    assert numbers(facts["core-hours"])[0] >= 0
    assert "2 runs at a time" in facts["clock"]
    assert numbers(facts["disk"])[1] == 8 * 4 + 6 + 2  # a record, outcomes, weights and a lock each
    assert list(folder.iterdir()) == []


KNOWN = {"runs": 4, "measured": 2, "timed": True, "devices": 1, "on_gpu": False, "weights": 0, "files": 1}  # fmt: skip


def test_hours_are_the_sum_of_the_runs_and_the_clock_is_no_less_than_the_longest():
    one = Forecast(**KNOWN, seconds=7200.0, longest=3600.0, slots=4)
    facts = dict(one.lines())
    assert facts["core-hours"] == "2.00"
    assert one.clock == pytest.approx(3600, abs=60)
    assert Forecast(**KNOWN, seconds=7200.0, longest=1.0, slots=2).clock == pytest.approx(3600, abs=60)  # fmt: skip
    assert facts["runs"] == (
        "4 to do; seconds of 2 by records here, of the others by steps timed on this machine"
    )


def test_a_run_of_several_processes_takes_as_many_cores_or_gpus():
    on_gpus = {**KNOWN, "devices": 2, "on_gpu": True}
    one = dict(Forecast(**on_gpus, seconds=7200.0, longest=3600.0, slots=2).lines())
    assert one["GPU-hours"] == "4.00"


def test_hours_on_a_gpu_are_not_guessed_from_steps_on_a_processor():
    elsewhere = {**KNOWN, "timed": False, "on_gpu": True}
    one = dict(Forecast(**elsewhere, seconds=7200.0, longest=3600.0, slots=2).lines())
    assert one["GPU-hours"].startswith("not known: no GPU here")
    assert "clock" not in one
    known = {**elsewhere, "measured": 4}
    assert (
        dict(Forecast(**known, seconds=7200.0, longest=1.0, slots=2).lines())["GPU-hours"] == "2.00"
    )


@pytest.mark.parametrize(
    ("words", "gpus"),
    [
        (["--gpus=2"], 2),
        (["--gpus", "a100:4"], 4),
        (["-G1"], 1),
        (["--gpus-per-node=8", "--time=1:00:00"], 8),
        (["--gres=gpu"], 1),
        (["--gres=gpu:2"], 2),
        (["--gres=gpu:a100:3"], 3),
        (["--gres=lustre:1", "-c4", "--partition=gpu2"], 0),
    ],
)
def test_the_gpus_of_a_worker_are_those_that_sbatch_is_asked_for(tmp_path, words, gpus):
    assert Submission("tiny", 2, ["true"], words, tmp_path, tmp_path).gpus == gpus
