"""A plan in two launched processes: the first plans, prints and writes; each run is made by both."""

import json
import os
import re
import signal
import socket
import time

import pytest

from acn_bench.launch import Launch, launched

KIND = """
import msgspec
from acn_bench.analysis.cost_metrics import COST
from acn_bench.analysis.final_model import FinalModel
from acn_bench.analysis.metric import Metric
from acn_bench.benchmarks.kind import Kind
from acn_bench.result import Result
from acn_bench.spec import Benchmark, Count


class SharedSpec(Benchmark, frozen=True, kw_only=True, tag="shared"):
    data: str = "digits10"
    epochs: Count = 2
    pause: float = 0.0  # seconds of a step
    fails: bool = False

    @property
    def datasets(self):
        return (self.data,)

    @property
    def held_out(self):
        return 0.1

    def on(self, data):
        return msgspec.structs.replace(self, data=data)


class SharedResult(Result, frozen=True, kw_only=True, tag="shared"):
    accuracy: list[float]
    train_loss: list[float]


ACCURACY = Metric("accuracy", "Accuracy", "%", "higher", "share of test rows", "a count",
                  lambda record: record.result.accuracy[-1], chance=lambda record: 0.1)
KIND = Kind(
    spec=SharedSpec, result=SharedResult, inputs="image", planning="shared_protocol",
    protocol="shared_protocol", tables={"quality": (ACCURACY,), "cost": COST},
    describe=lambda config: "in several processes",
    summary=lambda record: f"loss {record.result.train_loss[-1]:.2f}",
    final_model=lambda r: FinalModel(r.result.accuracy, r.result.accuracy, 10, None, 0.1, 0.1),
    distributed=True, stop_seconds=60.0,
)
"""
PROTOCOL = """
import time
import torch
from torch import nn
from acn_bench.benchmarks.run import Cost, RunOutput, weights_on_cpu
from acn_bench.benchmarks.training_run import trainer
from acn_bench.evaluation import correctness
from acn_bench.result import Seconds
from acn_bench.training.evaluation_rows import evaluate
from acn_bench.training.network import seeded
from acn_bench.training.recipe import Recipe
from acn_bench.training.trainer import Batch
from shared_kind import SharedResult


def check(config, data):
    pass


def cost(config, data):
    return Cost(images=config.benchmark.epochs * len(data[0].train_labels), batch_size=128, classes=10)


class Task:
    def __init__(self, data, pause):
        self.data, self.rows, self.pause = data, len(data.train_labels), pause

    def batch(self, rows, epoch):
        images = self.data.train_images[rows].float() / 255
        return Batch(images, self.data.train_labels[rows], len(rows))

    def loss(self, model, batch, step, total_steps):
        time.sleep(self.pause)
        return nn.functional.cross_entropy(model(batch.inputs), batch.targets, reduction="sum")


def measure(run):
    protocol, (data,) = run.config.benchmark, run.data
    if protocol.fails:
        raise ValueError("no such luck")
    model, _ = seeded(run.config, 10)
    recipe = Recipe(epochs=protocol.epochs, batch_size=128, learning_rate=1e-3)
    made = trainer(run, model.to(run.device), Task(data, protocol.pause), recipe, share=0.9)
    output, network = made.fit(), made.averaged

    def right(rows):
        images = data.test_images[rows].float() / 255
        logits = correctness.features(network, images, depths=False)[0]
        return logits.argmax(1) == data.test_labels[rows]

    with correctness.evaluating(network):
        outcomes = evaluate(right, torch.arange(len(data.test_labels)), 100, run.device)
    result = SharedResult(
        accuracy=[0.1, outcomes.double().mean().item()], train_loss=output.losses, parameters=[1, 2],
        flops=[1, 2], seconds=Seconds(train=output.seconds, evaluate=0.1), peak_memory=1,
        images_seen=output.rows, precision=run.config.precision,
    )
    return RunOutput(result, {"right": outcomes}, weights_on_cpu(network), [])
"""
CARD = """
name = "shared"
intent = "Is a run in two processes the run in one?"
citation = "none"

[protocol]
kind = "shared"

[defaults]
backbones = ["ac_mixer"]
seeds = [0, 1]
depth = 1
sizes = { mixer = { patch_size = 8, width = 16, token_width = 8, channel_width = 16 } }

[[claim]]
name = "learns"
statement = "it learns"
metric = "accuracy"
direction = "higher"
source = "none"
"""
COMMAND = """
import os, signal, sys
sys.path.insert(0, folder)
os.environ |= environment
for number, name in ((1, "out"), (2, "err")):
    os.dup2(os.open(f"{folder}/{name}{rank}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
sys.argv = ["acn-bench", *words]
signal.signal(signal.SIGINT, signal.default_int_handler)
from acn_bench.registry import KINDS, Entry
KINDS._entries["shared"] = Entry("shared_kind:KIND")
from acn_bench.__main__ import main
from acn_bench.execution import local, worker
def inline(self, configs, job):  # another process would not know the kind
    for config in configs:
        yield worker.attempt(config, job, local.placement(job, 0), lambda _: None)
local.LocalExecutor.execute = inline
main()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A kind that works in several processes, and its card."""
    made = tmp_path_factory.mktemp("shared")
    for name, text in (("shared_kind.py", KIND), ("shared_protocol.py", PROTOCOL), ("shared.toml", CARD)):  # fmt: skip
        (made / name).write_text(text)
    return made


@pytest.fixture(scope="module")
def start(folder, _forkserver):
    """Starts a command in launched processes, with the variables that torchrun sets."""

    def run(*words, count=2):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        processes = []
        for rank in range(count):
            variables = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count,
                         "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}  # fmt: skip
            names = {
                "__name__": "__main__", "folder": str(folder), "rank": rank,
                "environment": {k: str(v) for k, v in variables.items()},
                "words": ["run", str(folder / "shared.toml"), "--jobs", "1", *words],
            }  # fmt: skip
            processes.append(_forkserver.Process(target=exec, args=(COMMAND, names)))
        for process in processes:
            process.start()
        return processes

    return run


def ended(processes):
    for process in processes:
        process.join(timeout=120)
    codes = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
    return codes


def printed(folder, rank):
    return (folder / f"out{rank}").read_text(), (folder / f"err{rank}").read_text()


@pytest.fixture(scope="module")
def made(folder, start):
    """The runs of the card by two processes: (exit codes, what each printed)."""
    codes = ended(start("--out", str(folder / "two")))
    return codes, [printed(folder, rank) for rank in range(2)]


def by_seed(folder):
    """The records, as JSON: this process does not know the kind."""
    read = [json.loads(path.read_text()) for path in folder.glob("shared/records/*.json")]
    return {record["config"]["seeds"]["data"]: record for record in read}


def test_the_first_process_prints_and_writes_and_the_other_is_silent(made, folder):
    codes, (first, second) = made
    assert codes == [0, 0], first
    assert second == ("", "")
    assert "[2/2] ac_mixer:plain d1 seed 1" in first[0]
    assert (folder / "two" / "shared" / "report.html").exists()
    assert len(by_seed(folder / "two")) == 2
    assert not list((folder / "two" / "shared" / "checkpoints").iterdir())


def test_two_processes_record_what_one_does(made, folder, start):
    assert ended(start("--out", str(folder / "one"), "--no-report", count=1)) == [0]
    two, one = by_seed(folder / "two"), by_seed(folder / "one")
    assert two.keys() == one.keys() == {0, 1}
    for seed, record in one.items():
        assert record["run_id"] == two[seed]["run_id"]
        losses = record["result"]["train_loss"]
        assert two[seed]["result"]["train_loss"] == pytest.approx(losses, rel=1e-4)
        assert two[seed]["result"]["images_seen"] == record["result"]["images_seen"]


def test_finished_runs_are_not_repeated(made, folder, start):
    assert ended(start("--out", str(folder / "two"), "--no-report")) == [0, 0]
    assert "2 runs: 2 finished, 0 to do" in printed(folder, 0)[0]


def test_a_run_that_fails_in_all_processes_is_reported_once(folder, start):
    words = ("--out", str(folder / "failed"), "--no-report", "--set", "fails=true", "--seeds", "0")
    assert ended(start(*words)) == [1, 0]
    assert "no such luck" in printed(folder, 0)[1]
    assert printed(folder, 1) == ("", "")


def test_a_plan_that_is_refused_ends_the_others_without_a_word(folder, start):
    assert ended(start("--out", str(folder / "none"), "--device", "cud")) == [2, 0]
    assert printed(folder, 1) == ("", "")


def test_sigterm_saves_ends_all_with_143_and_the_same_command_resumes(folder, start):
    words = ("--out", str(folder / "stopped"), "--no-report", "--seeds", "0")
    slow = (*words, "--set", "epochs=30", "--set", "pause=0.02")
    processes = start(*slow)
    checkpoints = folder / "stopped" / "shared" / "checkpoints"
    deadline = time.monotonic() + 200
    while not list(checkpoints.glob("*")) and time.monotonic() < deadline:
        time.sleep(0.1)  # the first checkpoint comes after the first steps
    for process in processes:  # as torchrun and a cluster do, to each
        os.kill(process.pid, signal.SIGTERM)
    assert ended(processes) == [143, 143]
    (kept,) = checkpoints.iterdir()
    assert [p.name for p in kept.iterdir()]
    assert ended(start(*slow, "--dry-run"))[0] == 0
    assert re.search(r"resumes    ac_mixer:plain d1 seed 0 from its checkpoint at \d+ %", printed(folder, 0)[0])  # fmt: skip


# ---------------------------------------------------------------- the launcher's variables


def test_a_process_that_was_started_alone_is_not_launched(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert launched() is None
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert launched() is None


def test_each_machine_numbers_its_processes_anew(monkeypatch):
    for name, value in (("RANK", "5"), ("WORLD_SIZE", "8"), ("LOCAL_RANK", "1"), ("LOCAL_WORLD_SIZE", "4")):  # fmt: skip
        monkeypatch.setenv(name, value)
    assert launched() == Launch(5, 8, 1, 4)


@pytest.mark.parametrize(
    ("rank", "message"), [("8", "process 8 of 8"), ("x", "RANK is no number: 'x'")]
)
def test_variables_that_are_none_are_named(monkeypatch, rank, message):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", "8")
    with pytest.raises(ValueError, match=message):
        launched()
