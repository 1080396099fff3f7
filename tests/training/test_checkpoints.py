"""Checkpoints of a training: killed at any change of a file, damaged, of other settings, saved on SIGTERM."""

import json
import signal
import sys
import threading
import time

import pytest
import safetensors.torch
import torch

from acn_bench.backbones import load
from acn_bench.training import checkpoints
from acn_bench.training.checkpoints import ChangedConfiguration, Checkpoints, adopt, newest_share
from acn_bench.training.stopping import Stop
from acn_bench.weights_header import Header

# counts the changes of files below `folder`, and is killed before the one that is number `fatal`
KILLED = """
import os, signal, sys
sys.path.insert(0, attack)
import file_operations

changes = 0
def count(path):
    global changes
    if path.startswith(folder + "/"):
        changes += 1
        if changes == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

file_operations.watch(count)
result = train(folder, dropout=0.3, every=2)
torch.save([result["weights"], result["trained"], result["output"].losses, changes], out)
"""
EVERY_STEPS = (  # (interval in steps, the step at which it stops): 4 steps an epoch
    pytest.param(1, 2, id="in the middle of the first epoch"),
    pytest.param(1, 5, id="in the epoch after"),
    pytest.param(1, 8, id="between two epochs"),
    pytest.param(3, 8, id="some steps after the last checkpoint"),
)


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


class Interrupted(Exception):  # noqa: N818
    """Whatever ends a training."""


def interrupted(small_training, folder, at, **options):
    """Train up to a step, and lose what no checkpoint holds."""

    def on_step(step):
        if step.step == at:
            raise Interrupted

    made = small_training.trainer(folder, on_step=on_step, **options)
    with pytest.raises(Interrupted):
        made.fit()


@pytest.mark.parametrize(("every", "at"), EVERY_STEPS)
def test_a_training_resumes_bit_for_bit(small_training, tmp_path, every, at):
    whole = small_training.train(dropout=0.3)
    interrupted(small_training, tmp_path, at, dropout=0.3, every=every)
    notes = []
    resumed = small_training.train(tmp_path, dropout=0.3, every=every, events=notes.append)
    assert len(notes) == 1
    assert notes[0].startswith("resumed from its checkpoint at ")
    done = len(whole["steps"]) - len(resumed["steps"])
    assert at - every <= done <= at  # at most an interval is lost
    assert resumed["steps"] == whole["steps"][done:]
    assert equal(resumed["trained"], whole["trained"])
    assert equal(resumed["weights"], whole["weights"])
    assert resumed["output"].losses == whole["output"].losses
    assert resumed["output"].rows == whole["output"].rows
    assert resumed["output"].learning_rates == whole["output"].learning_rates


def test_sgd_resumes_bit_for_bit(small_training, tmp_path):
    options = {"optimizer": "sgd", "ema_decay": None, "decay_norms": False}
    whole = small_training.train(**options)
    interrupted(small_training, tmp_path, 6, **options)
    assert equal(small_training.train(tmp_path, **options)["trained"], whole["trained"])


@pytest.mark.skipif(sys.platform != "linux", reason="it needs Linux's signals")
def test_a_kill_before_any_change_of_a_file_costs_an_interval_at_most(
    in_processes, small_training, tmp_path, root
):
    out, attack = str(tmp_path / "out"), str(root / "tools" / "attack")

    def run(name, fatal):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        return in_processes(KILLED, folder=str(folder), fatal=fatal, out=out, attack=attack)

    assert run("undisturbed", 0) == [0]
    *undisturbed, changes = torch.load(out)
    assert changes > 30
    for k in range(6):  # each resumes from what the one before left
        steps = {p.name for p in (tmp_path / "killed").glob("step-*")}
        fatal = 1 + (7 * k + 3) % (changes // 3)
        assert run("killed", fatal) == [-signal.SIGKILL]
        left = {p.name for p in (tmp_path / "killed").glob("step-*")}
        assert max(left, default="") >= max(steps, default="")  # none is lost
    assert run("killed", 0) == [0]
    weights, trained, losses, _ = torch.load(out)
    assert equal(weights, undisturbed[0])
    assert equal(trained, undisturbed[1])
    assert losses == undisturbed[2]
    left = sorted(p.name for p in (tmp_path / "killed").iterdir())
    assert left == ["step-000000010", "step-000000012"]  # no remains


# ---------------------------------------------------------------- what is in the folder


@pytest.fixture
def folder(small_training, tmp_path):
    """Checkpoints after 5, 8 and 10 of 12 steps."""
    interrupted(small_training, tmp_path, 11, keep=3)
    return tmp_path


def test_the_newest_are_kept_and_hold_no_pickle(small_training, folder):
    names = ["step-000000005", "step-000000010"]
    assert sorted(p.name for p in folder.iterdir()) == names
    files = ["average.safetensors", "model.safetensors", "optimizer.safetensors", "state.json"]
    assert sorted(p.name for p in (folder / names[1]).iterdir()) == files
    state = json.loads(json.loads((folder / names[1] / "state.json").read_text())["content"])[
        "state"
    ]
    assert (state["epoch"], state["step_of_epoch"], state["step"]) == (2, 2, 10)
    assert newest_share(folder) == pytest.approx(10 / 12)
    small_training.train(folder, keep=1)
    assert [p.name for p in folder.iterdir()] == ["step-000000012"]


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.safetensors", "state.json"])
@pytest.mark.parametrize("how", ["flipped", "cut", "removed", "empty"])
def test_a_damaged_newest_checkpoint_falls_back_and_says_so(small_training, folder, file, how):
    path = folder / "step-000000010" / file
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 4
    contents = {"flipped": bytes(raw), "cut": bytes(raw[:-3]), "empty": b""}
    path.unlink() if how == "removed" else path.write_bytes(contents[how])
    notes = []
    resumed = small_training.train(folder, events=notes.append)
    assert notes[0].startswith("its checkpoint step-000000010 is damaged (")
    assert notes[1] == "resumed from its checkpoint at 42 %"
    assert equal(resumed["trained"], small_training.train()["trained"])
    assert sorted(p.name for p in folder.iterdir()) == ["step-000000010", "step-000000012"]


def test_where_all_are_damaged_training_begins_again(small_training, folder):
    for path in folder.glob("*/state.json"):
        path.write_text('{"content": "[' + "[" * 100_000 + '", "check": "00000000"}')
    notes = []
    assert len(small_training.train(folder, events=notes.append)["steps"]) == 12
    assert len(notes) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 0.02}, "learning_rate was 0.01, and is 0.02"),
        ({"epochs": 4}, "epochs was 3, and is 4"),
        ({"seed": 4}, "seed was 3, and is 4"),
    ],
)
def test_a_changed_configuration_is_refused_and_nothing_is_overwritten(
    small_training, folder, changes, message
):
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    with pytest.raises(ChangedConfiguration, match=f"{message}. Take another folder"):
        small_training.train(folder, **changes)
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before


def test_how_a_training_is_computed_may_change(small_training, folder):
    assert len(small_training.train(folder, micro_batch=5)["steps"]) == 2


def test_weights_of_another_network_are_refused_by_name(small_training, folder):
    other = small_training.Network()
    other.head = torch.nn.Linear(10, 2, bias=False)
    with pytest.raises(ValueError, match=r"model\.safetensors has 'head\.bias'"):
        small_training.train(folder, model=other)


def test_a_folder_that_cannot_be_written_is_said_and_training_goes_on(small_training, tmp_path):
    (tmp_path / "file").write_text("")
    notes = []
    output = small_training.train(tmp_path / "file" / "below", events=notes.append)["output"]
    assert output.steps == 12
    assert len(notes) == 3
    assert notes[0].startswith("wrote no checkpoint after step 5: ")


def test_the_clock_makes_checkpoints_too(small_training, tmp_path, monkeypatch):
    now = iter(range(1000, 100_000))
    monkeypatch.setattr(checkpoints, "monotonic", lambda: next(now))
    monkeypatch.setattr(checkpoints, "MAX_SHARE", 1.0)
    made = small_training.trainer(tmp_path, keep=20)
    made.checkpoints.every_steps, made.checkpoints.every_seconds = None, 5.0
    made.fit()
    assert 1 < len(list(tmp_path.glob("step-*"))) < 12


def test_a_backbones_checkpoint_is_a_weights_file(small, tmp_path, small_training):
    model = small("ac_mixer")
    header = Header(model.spec, model.depth).encoded()
    saved = checkpoints.Checkpoints(tmp_path, header=header)

    class Task(small_training.Task):
        def loss(self, model, batch, step, total_steps):
            return model(torch.rand(len(batch.inputs), 3, 32, 32)).square().sum()

    made = small_training.Trainer(
        model, Task(), small_training.Recipe(epochs=1, batch_size=25, learning_rate=1e-3),
        seed=0, device=torch.device("cpu"), checkpoints=saved,
    )  # fmt: skip
    made.fit()
    loaded = load(tmp_path / "step-000000002" / "model.safetensors")
    assert equal(loaded.state_dict(), model.state_dict())


def test_tied_weights_are_saved_and_loaded(small_training, tmp_path):
    def tied():
        torch.manual_seed(0)
        model = small_training.Network()
        model.blocks[1].weight = model.blocks[0].weight
        return model

    whole = small_training.train(model=tied())
    interrupted(small_training, tmp_path, 7, model=tied())
    again = tied()
    assert equal(small_training.train(tmp_path, model=again)["trained"], whole["trained"])
    assert again.blocks[1].weight is again.blocks[0].weight
    file = tmp_path / "step-000000010" / "model.safetensors"
    assert {"blocks.0.weight", "blocks.1.weight"} <= set(safetensors.torch.load_file(file))


# ---------------------------------------------------------------- SIGTERM


def test_sigterm_saves_and_ends_with_143_and_the_next_process_resumes(
    in_processes, small_training, tmp_path
):
    program = """
import os, signal
stop = Stop()
def on_step(step):
    if step.step == 6:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)  # a cluster and a launcher may both send it
with stop.on(signal.SIGTERM):
    trainer(folder, every=100, stop=stop, on_step=on_step).fit()
"""
    assert in_processes(program, folder=str(tmp_path)) == [143]
    (left,) = tmp_path.iterdir()
    assert left.name in ("step-000000007", "step-000000008")
    resumed = small_training.train(tmp_path)
    assert equal(resumed["trained"], small_training.train()["trained"])


def test_a_stop_without_a_training_that_saves_ends_at_once():
    with pytest.raises(SystemExit) as caught:
        Stop().request()
    assert caught.value.code == 143


def test_another_thread_can_ask_for_a_stop(small_training, tmp_path):
    stop = Stop()
    threading.Thread(target=lambda: (time.sleep(0.02), stop.request())).start()
    with pytest.raises(SystemExit) as caught:
        small_training.train(tmp_path, epochs=100_000, stop=stop)
    assert caught.value.code == 143
    assert len(list(tmp_path.glob("step-*"))) > 0


# ---------------------------------------------------------------- a training that another process began


def test_a_training_goes_on_from_the_checkpoint_of_the_process_that_came_furthest(tmp_path):
    for name, share in (("behind", 0.25), ("ahead", 0.75)):
        Checkpoints(tmp_path / name).save(
            1, {"model": {"w": torch.full((2,), share)}}, {"share": share}, {}
        )
    own = tmp_path / "own"
    adopt(own, [tmp_path / "behind", tmp_path / "ahead", tmp_path / "absent"])
    newest = Checkpoints(own).newest({}, print)
    assert newest.state["share"] == 0.75
    Checkpoints(tmp_path / "behind").save(2, {"model": {"w": torch.ones(2)}}, {"share": 0.9}, {})
    adopt(own, [tmp_path / "behind"])  # its own comes first
    assert Checkpoints(own).newest({}, print).state["share"] == 0.75
    assert not list(tmp_path.rglob("*.part"))
