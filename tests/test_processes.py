"""Runs in several processes under the local executor: what one process records, through kills and stops."""

import multiprocessing
import os
import re
import signal
from contextlib import closing

import pytest
import torch

from acn_bench import catalog, device, records
from acn_bench.benchmarks.supervised.example import SMALLEST_CARD
from acn_bench.benchmarks.supervised.spec import SupervisedSpec
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import images
from acn_bench.execution import code_hash, local, session
from acn_bench.execution.job import Job
from acn_bench.execution.local import LocalExecutor
from acn_bench.families.mixer import MixerSpec
from acn_bench.plan import Choices, unresolved
from acn_bench.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("quick_workers")


def config(epochs=3, learning_rate=0.001):
    return RunConfig(
        benchmark=SupervisedSpec(
            name="tiny", data="digits10", epochs=epochs, learning_rate=learning_rate, noise={}
        ),
        strategy=None,
        backbone=MixerSpec(
            wiring="ac", depth=1, patch_size=8, width=16, token_width=8, channel_width=16
        ),
        seeds=Seeds(order=0, init=0, data=0, noise=0),
        fingerprint=images.load("digits10").fingerprint,
    )


CODE = code_hash.code(config())


def job(folder, run, **changes):
    values = {"threads": 1, "again": False, "interval": 0.2, "world_size": 2, "stop_seconds": 60.0}
    return Job(RunFolder(folder), {run.run_id: CODE}, None, ("cpu",), **values | changes)


def made(run, a_job):
    with closing(LocalExecutor(1).execute([run], a_job)) as stream:
        return list(stream)


def processes():
    """Those of the worker, by rank."""
    return sorted(multiprocessing.active_children(), key=lambda process: process._identity)


def until(stream, a_job):
    """Take events until there is a checkpoint."""
    next(e for e in stream if e.state == "progress" and list(a_job.folder.checkpoints.glob("*/*")))


def test_two_processes_record_what_one_does(tmp_path):
    run = config()
    folders = {size: tmp_path / str(size) for size in (1, 2)}
    for size, folder in folders.items():
        (*_, end) = made(run, job(folder, run, world_size=size))
        assert (end.state, end.message) == ("done", "")
    one, two = (records.load_all([folder])[0] for folder in folders.values())
    assert two.result.train_loss == pytest.approx(one.result.train_loss, rel=1e-4)
    assert two.result.images_seen == one.result.images_seen
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("rank", [0, 1])
def test_a_run_that_loses_one_of_its_processes_is_repeated_from_its_checkpoint(tmp_path, rank):
    run = config(epochs=15)
    a_job = job(tmp_path, run)
    with closing(LocalExecutor(1).execute([run], a_job)) as stream:
        until(stream, a_job)
        both = processes()
        os.kill(both[rank].pid, signal.SIGKILL)
        end = list(stream)[-1]
        assert all(process.exitcode is not None for process in both)
    whose = "its process" if rank == 0 else "one of its processes"
    how = rf"{whose} was killed by signal 9, once; resumed from its checkpoint at \d+ %"
    assert end.state == "done"
    assert re.fullmatch(how, end.message), end.message


def test_a_run_that_is_stopped_is_saved_by_all_its_processes_and_resumes(tmp_path):
    run = config(epochs=15)
    changes = {"interval": 1e6, "grace": 60.0}  # no checkpoint is due
    stream = LocalExecutor(1).execute([run], job(tmp_path, run, **changes))
    reached = next(e for e in stream if e.state == "progress" and e.share > 0.3).share
    stream.close()
    assert multiprocessing.active_children() == []
    end = made(run, job(tmp_path, run))[-1]
    share = int(re.fullmatch(r"resumed from its checkpoint at (\d+) %", end.message)[1])
    assert share >= int(100 * reached)


def test_a_run_that_fails_in_all_processes_fails_and_the_next_has_processes_of_its_own(tmp_path):
    diverges, fine = config(learning_rate=1e30), config()
    a_job = job(tmp_path, fine)
    a_job.codes[diverges.run_id] = CODE
    with closing(LocalExecutor(1).execute([diverges, fine], a_job)) as stream:
        ends = [(e.config, e.state) for e in stream if e.state in ("done", "failed")]
    assert ends == [(diverges, "failed"), (fine, "done")]


# ---------------------------------------------------------------- the plan


@pytest.mark.parametrize(("cores", "size", "runs"), [(8, 2, 4), (8, 3, 2), (2, 4, 1)])
def test_a_run_takes_as_many_cores_as_it_has_processes(monkeypatch, tmp_path, cores, size, runs):
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr("acn_bench.cores.cores", lambda: cores)
    monkeypatch.setattr(session.estimate, "seconds", lambda configs, *_: [1.0] * len(configs))
    prepared = plan(tmp_path, world_size=size, seeds=tuple(range(4)))
    assert prepared.jobs == runs
    assert prepared.job.threads == max(1, cores // (runs * size))
    assert prepared.seconds[0] == 1 / size


def plan(folder, world_size, seeds=(0,)):
    card = folder / "card.toml"
    card.write_text(SMALLEST_CARD)
    options = session.Options(folder, None, "cpu", 0, again=False, world_size=world_size)
    found = catalog.benchmark(str(card))
    return session.prepare(found, card, unresolved(found, Choices(seeds=seeds)), options)


def test_the_processes_of_a_run_take_gpus_of_their_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 5)
    gpus = device.by_index(torch.device("cuda"))
    a_job = Job(RunFolder("x"), {}, None, gpus, threads=1, again=False, world_size=2)
    taken = [[local.placement(a_job, k, rank).device for rank in (0, 1)] for k in range(2)]
    assert taken == [["cuda:0", "cuda:1"], ["cuda:2", "cuda:3"]]
    assert session._default_jobs([], (), gpus, RunFolder("x"), 2) == 2
    with pytest.raises(ValueError, match="each process of a run takes a GPU, and there are 5"):
        session._check_processes(6, gpus)
