"""Runs of `mlm` and `glue` in two real gloo processes against one: losses, scores, checkpoints, and a stop."""

import socket
from pathlib import Path

import msgspec
import pytest
import torch

from acn_bench.benchmarks.glue import protocol as glue
from acn_bench.benchmarks.glue.spec import GlueSpec
from acn_bench.benchmarks.mlm import protocol as mlm
from acn_bench.benchmarks.mlm.spec import MlmSpec
from acn_bench.benchmarks.run import Run
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import loading
from acn_bench.families.bert import BertSpec
from acn_bench.registry import KINDS
from acn_bench.training.resume import ResumeFile

SPECS = {
    "mlm": MlmSpec(
        name="m", data="rules_text", max_steps=12, batch_size=24, micro_batch=5, length=32,
        warmup=0.1, learning_rate=5e-3, validation=0.05,
    ),
    "glue": GlueSpec(
        name="g", task="rte", embedded=True, epochs=3, train_rows=100, batch_size=33,
        learning_rate=3e-3, length=24, pruning="movement", prune_share=0.5,
    ),
}  # fmt: skip
SMALL = BertSpec(wiring="ac", depth=2, vocab_size=200, max_length=32, width=32, heads=2)

TOGETHER = """
import msgspec, os, signal, torch
import torch.distributed as dist
from pathlib import Path
from acn_bench.benchmarks.run import Run
from acn_bench.config import RunConfig
from acn_bench.data import loading
from acn_bench.record import decode_config
from acn_bench.registry import KINDS
from acn_bench.training.resume import ResumeFile
from acn_bench.training.stopping import Stop
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)

def made(config, name, progress=lambda _: None, **how):
    file = ResumeFile(Path(folder) / f"{name}.safetensors", {"run": "run", "code": "0"})
    run = Run(config, loading.load_all(config.benchmark), torch.device("cpu"), progress, file,
              rank=rank, world_size=2, **how)
    return KINDS.load(config.benchmark.kind).protocol_module.measure(run)

stop = Stop()
def stop_early(share):  # training is a fourth of this run
    if rank == 0 and share > 0.08:  # the first process alone is told
        os.kill(os.getpid(), signal.SIGTERM)

for name, text in configs.items():
    config = decode_config(text)
    output = made(config, name)
    failed = [guard.name for guard in output.guards if not guard.passed]
    torch.save((msgspec.to_builtins(output.result), failed), f"{folder}/{name}{rank}")
with stop.on(signal.SIGTERM):
    made(decode_config(configs["glue"]), "stopped", stop_early, stop=stop)
"""


@pytest.fixture(scope="module")
def configs():
    """The config of a run of each kind."""
    made = {}
    for name, spec in SPECS.items():
        fingerprint = loading.load_all(spec)[0].fingerprint
        seeds = Seeds(order=0, init=0, data=0, noise=0)
        made[name] = RunConfig(
            benchmark=spec, strategy=None, backbone=SMALL, seeds=seeds, fingerprint=fingerprint
        )
    return made


@pytest.fixture(scope="module")
def two(configs, tmp_path_factory, _forkserver):
    """A folder of what two processes made of both runs, and their exit codes; the last run is stopped."""
    folder = tmp_path_factory.mktemp("two")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    texts = {name: msgspec.json.encode(config) for name, config in configs.items()}
    names = {"__name__": "x", "folder": str(folder), "port": port, "configs": texts}
    started = [_forkserver.Process(target=exec, args=(TOGETHER, names | {"rank": rank})) for rank in range(2)]  # fmt: skip
    for process in started:
        process.start()
    for process in started:
        process.join(timeout=240)
    codes = [process.exitcode for process in started]
    for process in started:
        process.kill()
    return folder, codes


def alone(config, checkpoint=None):
    run = Run(config, loading.load_all(config.benchmark), torch.device("cpu"), lambda _: None, checkpoint)  # fmt: skip
    return (glue if config.benchmark.kind == "glue" else mlm).measure(run)


def measured(result):
    """Losses of other text, or the weights that pruning left and the accuracy by depth."""
    if result["kind"] == "mlm":
        return result["test"]["loss"]
    left = [pruned["left"] for pruned in result["pruned"]]
    return left + result["tests"]["dev"]["scores"]["accuracy"]


@pytest.mark.parametrize("name", SPECS)
def test_both_kinds_say_that_they_work_in_several_processes(name):
    assert KINDS.load(name).distributed


@pytest.mark.parametrize("name", SPECS)
def test_two_processes_train_as_one_with_the_doubled_batch(two, configs, name):
    one = alone(configs[name])
    for rank in range(2):
        result, failed = torch.load(two[0] / f"{name}{rank}", weights_only=False)
        assert result["train_loss"] == pytest.approx(one.result.train_loss, rel=1e-4)
        assert (result["steps"], result["images_seen"]) == (one.result.steps, one.result.images_seen)  # fmt: skip
        assert not failed
        assert measured(result) == pytest.approx(measured(msgspec.to_builtins(one.result)), rel=0.01)  # fmt: skip


def test_sigterm_in_one_process_ends_both_and_one_alone_continues_from_their_checkpoint(two, configs):  # fmt: skip
    folder, codes = two
    assert codes == [143, 143]
    file = ResumeFile(Path(folder) / "stopped.safetensors", {"run": "run", "code": "0"})
    assert list(file.folder.iterdir())
    whole, resumed = alone(configs["glue"]), alone(configs["glue"], file)
    assert resumed.result.train_loss == pytest.approx(whole.result.train_loss, rel=1e-4)
    assert [p.left for p in resumed.result.pruned] == [p.left for p in whole.result.pruned]
