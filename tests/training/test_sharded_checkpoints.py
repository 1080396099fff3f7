"""Checkpoints of FSDP, written by two real processes: shards, put together by the first, and nothing gathered."""

import signal
import sys

import pytest
import safetensors
import safetensors.torch
import torch

from acn_bench.backbones import load
from acn_bench.training import shards

# undisturbed, and stopped in the middle of the second of three epochs: the rest of it and the third are resumed
TWO = """
join(rank, 2, port)
from torch.distributed.tensor import DTensor
gathered = []
full_tensor = DTensor.full_tensor
DTensor.full_tensor = lambda tensor, **more: (gathered.append(1), full_tensor(tensor, **more))[1]

results = {}
for wrapping in ("fsdp", "ddp"):
    stop = Stop()
    stopped = trainer(f"{folder}/{wrapping}", wrapping=wrapping, dropout=0.3, every=100, stop=stop,
                      on_step=lambda step: step.step == 3 and stop.request())
    try:
        stopped.fit()
    except SystemExit as e:
        results[wrapping, "code"] = e.code
    results[wrapping, "gathered"] = len(gathered)
    results[wrapping, "whole"] = train(wrapping=wrapping, dropout=0.3)
    results[wrapping, "resumed"] = train(f"{folder}/{wrapping}", wrapping=wrapping, dropout=0.3, every=100)

from acn_bench.backbones import build
from acn_bench.weights_header import Header

class Images(Task):
    def loss(self, model, batch, step, total_steps):
        return model(torch.rand(len(batch.inputs), 3, 32, 32)).square().sum()

model = build("ac_mixer", 7, depth=2, patch_size=8, width=24, token_width=12, channel_width=32)
header = Header(model.spec, model.depth).encoded()
recipe = Recipe(epochs=1, batch_size=25, learning_rate=1e-3, wrapping="fsdp")
made = Trainer(model, Images(), recipe, seed=0, device=torch.device("cpu"),
               checkpoints=Checkpoints(Path(folder) / "backbone", header=header))
made.fit()
backbone = made.averaged.state_dict()
for found in results.values():
    if isinstance(found, dict):
        del found["trained"]  # sharded
torch.save(results | {"backbone": backbone}, f"{folder}/{rank}")
torch.distributed.destroy_process_group()
"""
# rank `dying` is killed before its second change of a file whose path holds `where`, after the first checkpoint
KILLED = """
import os, signal, sys
sys.path.insert(0, attack)
import file_operations

join(rank, 2, port)
changes = 0
def count(path):
    global changes
    if rank == dying and where in path and os.path.exists(folder + "/step-000000002"):
        changes += 1
        if changes == 2:
            os.kill(os.getpid(), signal.SIGKILL)

file_operations.watch(count)
result = train(folder, wrapping="fsdp", dropout=0.3, every=2)
if rank == 0:
    torch.save([result["weights"], result["output"].losses], out)
torch.distributed.destroy_process_group()
"""
FULL = """
import builtins, errno, os
join(rank, 2, port)
from torch.distributed.checkpoint import state_dict_saver
save = state_dict_saver.save
def full(*args, **options):
    writer = options["storage_writer"]
    if rank == 1:
        def fail(*_):
            raise OSError(errno.ENOSPC, "No space left on device", "a disk")
        writer.write_data = fail
    return save(*args, **options)
state_dict_saver.save = full
notes = []
output = train(folder, wrapping="fsdp", events=notes.append)["output"]
wanted = ["wrote no checkpoint after step 5: a disk: No space left on device"] if rank == 0 else []
assert notes[:1] == wanted, notes
assert output.steps == 12
torch.distributed.destroy_process_group()
"""


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("two")


@pytest.fixture
def two(in_processes, folder):
    """What each of two processes found."""
    if not (folder / "0").exists():
        assert in_processes(TWO, 2, folder=str(folder)) == [0, 0]
    return [torch.load(folder / str(rank), weights_only=False) for rank in range(2)]


@pytest.mark.parametrize("wrapping", ["fsdp", "ddp"])
def test_two_processes_resume_in_the_middle_of_an_epoch_bit_for_bit(two, wrapping):
    first, second = two
    assert first[wrapping, "code"] == second[wrapping, "code"] == 143
    whole, resumed = first[wrapping, "whole"], first[wrapping, "resumed"]
    assert resumed["steps"] == whole["steps"][6:]  # 4 steps an epoch
    assert resumed["output"].losses == whole["output"].losses
    for results in two:
        whole, resumed = results[wrapping, "whole"], results[wrapping, "resumed"]
        assert equal(resumed["weights"], whole["weights"])


def test_a_sharded_checkpoint_is_written_without_gathering_a_tensor(two):
    assert [results["fsdp", "gathered"] for results in two] == [0, 0]


def test_a_sharded_checkpoint_of_a_backbone_is_a_weights_file(two, folder):
    loaded = load(folder / "backbone" / "step-000000002" / "model.safetensors")
    assert equal(loaded.state_dict(), two[0]["backbone"])


def test_a_sharded_checkpoint_is_the_files_of_one_process_and_no_pickle(two, folder, small_training):  # fmt: skip
    small_training.train(folder / "one", every=100)
    (one,) = (folder / "one").iterdir()
    sharded = folder / "fsdp" / "step-000000012"
    assert sorted(p.name for p in sharded.parent.iterdir()) == ["step-000000006", sharded.name]
    files = ["average.safetensors", "model.safetensors", "optimizer.safetensors", "state.json"]
    assert sorted(p.name for p in sharded.rglob("*")) == files
    for name in files[:3]:
        ours, theirs = (safetensors.torch.load_file(path / name) for path in (sharded, one))
        assert {k: (t.shape, t.dtype) for k, t in ours.items()} == {
            k: (t.shape, t.dtype) for k, t in theirs.items()
        }
    steps = safetensors.torch.load_file(sharded / "optimizer.safetensors")["step.head.bias"]
    assert steps == 12
    assert safetensors.torch.load_file(sharded / "average.safetensors")["n_averaged"] == 12


@pytest.mark.skipif(sys.platform != "linux", reason="it needs Linux's signals")
def test_a_kill_of_either_process_while_it_writes_leaves_the_earlier_checkpoint(
    in_processes, two, tmp_path, root
):
    out, attack = str(tmp_path / "out"), str(root / "tools" / "attack")
    folder = tmp_path / "killed"
    folder.mkdir()

    def run(dying, where):
        names = {"dying": dying, "where": where, "out": out, "attack": attack}
        return in_processes(KILLED, 2, folder=str(folder), **names)

    # the second process while it writes its shards; then the first while it puts them together
    for dying, where in ((1, "/.shards."), (0, "/.step-000000004.")):
        codes = run(dying, where)
        assert codes[dying] == -signal.SIGKILL
        assert codes[1 - dying] != 0
        assert [p.name for p in folder.glob("step-*")] == ["step-000000002"]
    assert list(folder.glob(".step-000000004.*.part"))  # half-written
    assert run(None, "") == [0, 0]
    assert sorted(p.name for p in folder.iterdir()) == ["step-000000010", "step-000000012"]
    weights, losses = torch.load(out)
    whole = two[0]["fsdp", "whole"]
    assert equal(weights, whole["weights"])
    assert losses == whole["output"].losses


def test_a_full_disk_of_one_process_is_said_and_training_goes_on(in_processes, tmp_path):
    assert in_processes(FULL, 2, folder=str(tmp_path)) == [0, 0]
    assert list(tmp_path.iterdir()) == []


def test_shards_that_are_not_all_there_are_refused(tmp_path):
    name = "shard-00001-model-00001-of-00001.safetensors"
    half = {"w": torch.ones(1, 2)}
    header = {shards.OFFSETS: '{"w": {"saved_offsets": [1, 0]}}'}
    safetensors.torch.save_file(half, tmp_path / name, header)
    with pytest.raises(OSError, match="shards are missing"):
        shards.Shards(tmp_path).whole("w", torch.empty(2, 2))
