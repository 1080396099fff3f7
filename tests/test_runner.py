"""Real processes, killed at seeded moments: the run resumes, and ends like an undisturbed one.

This file is also the program that is killed. It imports everything once, and then forks a process for
each run, so that a death costs a fraction of a second.
"""

import gc
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import safetensors
import safetensors.torch
import torch
from avalanche.training.plugins.clock import Clock
from avalanche.training.storage_policy import ReservoirSamplingBuffer
from avalanche.training.templates import SupervisedTemplate

from acn_bench import records
from acn_bench.benchmarks.continual import protocol
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import images
from acn_bench.evaluation import correctness
from acn_bench.execution import code_hash, stale_files, worker
from acn_bench.execution.job import Job, Placement
from acn_bench.families.mixer import MixerSpec
from acn_bench.run_folder import RunFolder
from acn_bench.strategies.ewc import EwcSpec
from acn_bench.strategies.naive import NaiveSpec
from acn_bench.strategies.replay import ReplaySpec
from acn_bench.strategies.si import SiSpec
from acn_bench.training import resume

PROTOCOL = ContinualSpec(
    name="tiny", data="digits100", experiences=2, classes_per_experience=2, epochs=3
)
BACKBONE = MixerSpec(
    wiring="ac", depth=1, patch_size=8, width=16, token_width=8, channel_width=16
)  # fmt: skip
STRATEGIES = {
    "naive": NaiveSpec(name="naive"),
    "si": SiSpec(name="si"),
    "ewc": EwcSpec(name="ewc", fisher_batch_size=32),
    "replay": ReplaySpec(name="replay", memory=20, memory_batch_size=16),
}
MOMENTS = (
    "in an epoch",
    "at an experience's end",
    "while a checkpoint is written",
    "in evaluation",
)


def config(strategy):
    return RunConfig(
        benchmark=PROTOCOL,
        strategy=STRATEGIES[strategy],
        backbone=BACKBONE,
        seeds=Seeds(),
        fingerprint=images.load("digits100").fingerprint,
    )


# ---------------------------------------------------------------- the program that is killed


def serve():
    """Make the run of each line of the input; answer with the exit status of its process."""
    assert protocol.measure  # imported before any fork
    torch.set_num_threads(1)
    code_hash.code(config("naive")), images.load("digits100")  # once, for all
    gc.freeze()

    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            os._exit(attempt(order))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


def job(folder, run):
    codes = {run.run_id: code_hash.code(run)}
    return Job(RunFolder(folder), codes, None, ("cpu",), threads=1, again=False, interval=0.0)


def attempt(order):
    """One run as a worker makes it; dies at the `count`-th event of a moment, or counts them all."""
    folder = Path(order["folder"])
    run = config(order["strategy"])
    counted = events(order["strategy"], order["moment"], order["count"])
    end = worker.attempt(run, job(folder, run), Placement("cpu"), lambda _: None)
    outcome = {"state": end.state, "message": end.message, "trace": end.trace} | counted
    (folder / "outcome.txt").write_text(json.dumps(outcome))
    return 0


class Moments:
    """Counts what happens; the `count`-th event of `moment` is the last of this process."""

    def __init__(self, moment, count):
        self.moment, self.count = moment, count
        self.counted = dict.fromkeys(MOMENTS, 0)
        self.at_end = False  # of an experience

    def happens(self, what):
        self.counted[what] += 1
        if what == self.moment and self.counted[what] == self.count:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, owner, name, what, *, at_end=False):
        """Each call of a function is an event."""
        function = getattr(owner, name)

        def watched(*args, **kwargs):
            if self.at_end or not at_end:
                self.happens(what)
            return function(*args, **kwargs)

        setattr(owner, name, watched)

    def watch_ends(self):
        """Know when Avalanche is at the end of an experience."""
        end = SupervisedTemplate._after_training_exp

        def marked(learner, **kwargs):
            self.at_end = True
            end(learner, **kwargs)
            self.at_end = False

        SupervisedTemplate._after_training_exp = marked

    def watch_checkpoints(self):
        """The event comes when half of the file is written."""
        write = safetensors.torch.save_file

        def written(tensors, part, about):
            write(tensors, part, about)
            if "share" in about:  # it is a checkpoint
                whole = Path(part).read_bytes()
                Path(part).write_bytes(whole[: len(whole) // 2])
                self.happens("while a checkpoint is written")
                Path(part).write_bytes(whole)

        safetensors.torch.save_file = written


def events(strategy, moment, count):
    """Watch this process, which runs one strategy."""
    moments = Moments(moment, count)
    moments.watch_ends()
    several = {  # what a strategy does at the end of an experience, in several steps
        "naive": (Clock, "after_training_exp"),
        "si": (torch, "_foreach_sub"),
        "ewc": (torch.Tensor, "backward"),
        "replay": (ReservoirSamplingBuffer, "update_from_dataset"),
    }
    moments.watch(*several[strategy], "at an experience's end", at_end=True)
    moments.watch(torch.optim.AdamW, "step", "in an epoch")
    moments.watch(correctness, "features", "in evaluation")
    moments.watch_checkpoints()
    return moments.counted


# ---------------------------------------------------------------- the tests


@pytest.fixture(scope="module")
def program():
    """Calls the program: `program(folder, strategy, moment, count)` gives an exit status."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    running = subprocess.Popen(
        [sys.executable, "-W", "ignore", __file__],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip

    def call(folder, strategy, moment="", count=0):
        folder.mkdir(parents=True, exist_ok=True)
        order = {"folder": str(folder), "strategy": strategy, "moment": moment, "count": count}
        running.stdin.write(json.dumps(order) + "\n")
        running.stdin.flush()
        return int(running.stdout.readline())

    yield call
    running.stdin.close()
    running.stdout.close()
    running.wait(timeout=30)


@pytest.fixture(scope="module")
def whole(program, tmp_path_factory):
    """A run that nobody disturbs: (its folder, how often each moment comes)."""
    known = {}

    def run(strategy):
        if strategy not in known:
            folder = tmp_path_factory.mktemp(strategy) / "tiny"
            assert program(folder, strategy) == 0
            known[strategy] = folder, outcome(folder)
        return known[strategy]

    return run


def outcome(folder):
    result = json.loads((folder / "outcome.txt").read_text())
    assert result["state"] == "done", result["trace"]
    return result


def contents(folder):
    """What a finished run left: record, outcomes, weights; less its seconds, memory and time."""
    (record,) = records.load_all([folder])
    values = msgspec.to_builtins(record)
    del values["result"]["seconds"], values["result"]["peak_memory"], values["provenance"]["time"]
    tensors = {}
    for path in sorted(folder.glob("*/*.safetensors")):
        for name, tensor in safetensors.torch.load_file(path).items():
            tensors[path.parent.name, name] = tensor
    return values, tensors


def assert_same(folder, other):
    (record, tensors), (expected, wanted) = contents(folder), contents(other)
    assert record == expected
    assert list(tensors) == list(wanted)
    assert all(torch.equal(tensors[name], wanted[name]) for name in wanted)


def killed(program, folder, strategy, moment, counts, dice):
    """Kill a run at a moment that the dice choose; what lies there then is whole, or no record."""
    count = dice.randint(1, counts[moment])
    assert program(folder, strategy, moment, count) == -signal.SIGKILL
    assert not list(folder.glob("records/*.json"))
    for path in folder.glob("checkpoints/*.safetensors"):
        assert safetensors.torch.load_file(path)
    return count


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_killed_run_resumes_to_the_same_weights_and_record(
    program, whole, tmp_path, strategy, moment
):
    expected, counts = whole(strategy)
    folder = tmp_path / "tiny"
    killed(program, folder, strategy, moment, counts, random.Random(f"{strategy} {moment}"))
    assert program(folder, strategy) == 0
    outcome(folder)
    assert_same(folder, expected)
    assert not list(folder.glob("checkpoints/*"))
    assert not list(folder.rglob("*.part"))


@pytest.mark.parametrize("strategy", ["si", "replay"])
def test_a_run_that_is_killed_twice_in_a_row_resumes_too(program, whole, tmp_path, strategy):
    expected, counts = whole(strategy)
    folder, moment = tmp_path / "tiny", "in an epoch"
    third = counts[moment] // 3
    for count in (third + 1, third - 1):  # the second death comes after the first
        assert program(folder, strategy, moment, count) == -signal.SIGKILL
    assert program(folder, strategy) == 0
    assert outcome(folder)["message"].startswith("resumed from its checkpoint at ")
    assert outcome(folder)[moment] < counts[moment] - third  # what was done is not done again
    assert_same(folder, expected)


def test_a_kill_while_a_checkpoint_is_written_leaves_the_former_one_whole(program, whole, tmp_path):
    expected, _ = whole("naive")
    folder, moment = tmp_path / "tiny", "while a checkpoint is written"
    assert program(folder, "naive", moment, 1) == -signal.SIGKILL
    assert not list(folder.glob("checkpoints/*.safetensors"))
    assert program(folder, "naive", moment, 4) == -signal.SIGKILL
    (former,) = folder.glob("checkpoints/*.safetensors")
    saved = former.read_bytes()
    assert program(folder, "naive", moment, 1) == -signal.SIGKILL
    assert former.read_bytes() == saved
    assert len(list(folder.glob("checkpoints/.*.part"))) == 1
    assert program(folder, "naive") == 0
    assert_same(folder, expected)


def test_a_checkpoint_whose_record_exists_is_removed(program, tmp_path):
    folder = tmp_path / "tiny"
    assert program(folder, "naive", "in evaluation", 2) == -signal.SIGKILL
    (path,) = folder.glob("checkpoints/*.safetensors")
    saved = path.read_bytes()
    assert program(folder, "naive") == 0
    path.write_bytes(saved)  # as if the last kill had come between record and removal
    stale_files.remove_of_run(job(folder, config("naive")), path.stem)
    assert not path.exists()


def forge(path, change):
    """Change the state in a checkpoint, and its checksum with it."""
    with safetensors.safe_open(path, "pt") as file:
        header = file.metadata()
    tensors = safetensors.torch.load_file(path)
    state = json.loads(header["state"])
    change(state, tensors)
    header["state"] = json.dumps(state)
    header["check"] = resume._check(tensors, header["state"], header["share"])
    safetensors.torch.save_file(tensors, path, header)


FORGERIES = {
    "another shape": lambda _, tensors: tensors.update({k: t[..., :0] for k, t in tensors.items() if t.ndim}),
    "a result that no record can hold": lambda state, _: state["run"]["numbers"].update(initial=["half", None]),
}  # fmt: skip


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_run_whose_checkpoint_is_forged_begins_again_and_says_so(
    program, whole, tmp_path, forgery
):
    expected, _ = whole("naive")
    folder = tmp_path / "tiny"
    assert program(folder, "naive", "in evaluation", 3) == -signal.SIGKILL
    (path,) = folder.glob("checkpoints/*.safetensors")
    forge(path, FORGERIES[forgery])
    assert program(folder, "naive") == 0
    assert "; started from scratch: its checkpoint cannot be used (" in outcome(folder)["message"]
    assert_same(folder, expected)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_whenever_and_however_often_it_is_killed(program, whole, tmp_path, strategy, seed):
    expected, counts = whole(strategy)
    folder, dice = tmp_path / "tiny", random.Random(f"{strategy} {seed}")
    for _ in range(3):
        moment = dice.choice(MOMENTS)
        program(folder, strategy, moment, dice.randint(1, counts[moment]))
    assert program(folder, strategy) == 0
    assert_same(folder, expected)


if __name__ == "__main__":
    serve()
