"""One small plan of the digits, made by one local process: what Slurm and Ray are to end with, kills and all."""

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from acn_bench.execution import status

CARD = """
name = "tiny"
intent = "Do clusters make the same records?"
citation = "none"

[protocol]
kind = "continual"
data = "digits100"
experiences = 2
classes_per_experience = 2
epochs = 25
crop_padding = 0

[defaults]
backbones = ["ac_mixer", "residual_mixer"]
strategies = ["naive"]
seeds = [0, 1]
depth = 1
sizes = { mixer = { patch_size = 8, width = 16, token_width = 8, channel_width = 16 } }

[[claim]]
name = "forgets_less"
statement = "AC forgets less than residual"
metric = "forgetting"
direction = "lower"
source = "none"
"""

# Python loads it at its start. A run must not end before it was interrupted, however fast the machine is, and an
# epoch of four steps must end within the time that a scheduler leaves.
BRAKE = """
import os, sys, time
from torch.optim.optimizer import register_optimizer_step_pre_hook

def brake(*_):
    if "avalanche" in sys.modules and os.path.exists(os.environ["BRAKE"]):  # not while a plan times steps
        time.sleep(2)

register_optimizer_step_pre_hook(brake)
"""
COST = re.compile("time|seconds|memory|,Made,|,Commit,")  # in a line of a report's tables
LIMIT = 900  # seconds for anything to happen, on a busy machine


@pytest.fixture(scope="session")
def wait_for():
    """`wait_for(condition, what)`: what the condition returns once it is true."""
    return _wait_for


def _wait_for(condition, what):
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.5)
    raise AssertionError(f"{what} did not happen in {LIMIT} s")


@dataclass(frozen=True)
class Plan:
    """The card in a folder of its own, and the brake of its runs."""

    folder: Path

    @property
    def out(self):
        return self.folder / "shared"

    @property
    def brake(self):
        return self.folder / "brake"

    def run(self, *words, **options):
        """The output of a command of acn-bench."""
        command = [sys.executable, "-m", "acn_bench", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def runs(self):
        """The runs by `status`; none before the plan began."""
        try:
            (one,) = status.read(self.out)
        except LookupError:
            return []
        return one.runs

    def training(self):
        """The number of runs that are being trained."""
        beats = [run.heartbeat for run in self.runs() if run.state == "running"]
        return len([beat for beat in beats if beat.activity.share])

    def checkpoints(self):
        """The number of runs that have a checkpoint."""
        return len(list((self.out / "tiny" / "checkpoints").glob("*.safetensors")))


def make_plan(folder, variables):
    """Write the card and the brake; set the environment that makes processes find them."""
    folder.mkdir(exist_ok=True)
    (folder / "tiny.toml").write_text(CARD)
    (folder / "sitecustomize.py").write_text(BRAKE)
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    variables("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    variables("BRAKE", str(folder / "brake"))
    return Plan(folder)


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """A plan whose runs are slow until `plan.brake` is removed; the current folder is its own."""
    made = make_plan(tmp_path / "plan", monkeypatch.setenv)
    monkeypatch.chdir(made.folder)
    made.brake.touch()
    return made


@pytest.fixture(scope="session")
def alone(tmp_path_factory):
    """The outcome of the plan by one local process, undisturbed."""
    with pytest.MonkeyPatch.context() as patch:
        made = make_plan(tmp_path_factory.mktemp("alone"), patch.setenv)
        # one core, as each worker has: sums depend on the number of threads
        core = min(os.sched_getaffinity(0))
        patch.chdir(made.folder)
        words = ("run", "tiny.toml", "--jobs=1", "--out", made.out)
        made.run(*words, preexec_fn=lambda: os.sched_setaffinity(0, {core}))
        return _outcome(made)


@pytest.fixture(scope="session")
def outcome():
    """`outcome(plan)`: file -> its bytes, of weights and outcomes; of records and of the report's tables the values,
    less times and memory.
    """
    return _outcome


def _outcome(plan):
    files, folder = {}, plan.out / "tiny"
    for path in sorted(p for kind in ("records", "weights") for p in (folder / kind).iterdir()):
        files[f"{path.parent.name}/{path.name}"] = path.read_bytes()
        if path.suffix == ".json":
            record = json.loads(path.read_text())
            del record["digest"], record["provenance"]["time"]
            del record["provenance"]["commit"]  # somebody may commit while the tests run
            files[f"records/{path.name}"] = timeless(record)
    assert (folder / "report.html").exists()
    plan.run("report", folder, "--out", plan.folder / "again", "--format", "csv")
    for path in (plan.folder / "again").glob("*.csv"):
        lines = path.read_text().splitlines()
        files[path.name] = [line for line in lines if not COST.search(line)]
    assert any(line.startswith("verdicts") for line in files["report_tables.csv"])
    return files


def timeless(value):
    """A value without what is measured in seconds or bytes."""
    if isinstance(value, dict):
        return {
            k: timeless(v) for k, v in value.items() if "seconds" not in k and "memory" not in k
        }
    return value
