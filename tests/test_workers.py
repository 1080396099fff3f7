"""Runs in processes of their own: killed, locked by others, stopped."""

import multiprocessing
import os
import re
import signal
import time
from collections import deque
from contextlib import closing

import msgspec
import pytest
import torch
from filelock import FileLock

from acn_bench import records
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import images
from acn_bench.execution import local, provenance
from acn_bench.execution.local import Job
from acn_bench.families.mixer import MixerSpec
from acn_bench.run_folder import RunFolder
from acn_bench.strategies.naive import NaiveSpec

PROTOCOL = ContinualSpec(
    name="tiny", data="digits100", experiences=2, classes_per_experience=2, epochs=20
)
BACKBONE = MixerSpec(
    wiring="ac", depth=1, patch_size=8, width=16, token_width=8, channel_width=16
)  # fmt: skip


def config(seed=0):
    return RunConfig(
        benchmark=PROTOCOL,
        strategy=NaiveSpec(name="naive"),
        backbone=BACKBONE,
        seeds=Seeds(order=seed, init=seed, data=seed, noise=seed),
        fingerprint=images.load("digits100").fingerprint,
    )


def job(folder, **changes):
    settings = {
        "place": RunFolder(folder), "code": provenance.code("continual"), "data_root": None,
        "device": "cpu", "threads": 1, "again": False,
    }  # fmt: skip
    return Job(**settings | changes)


def lock(of, run):
    return FileLock(of.place.locks / f"{records.stem(run.run_id, of.code)}.lock")


def kill_workers():
    for process in multiprocessing.active_children():
        os.kill(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def eventful(tmp_path_factory):
    """Three runs in one worker: the first is killed twice, the second once, the third is held by others.

    (job, configs, news)
    """
    told = job(tmp_path_factory.mktemp("runs") / "tiny", interval=0.0)
    first, second, third = configs = [config(seed) for seed in range(3)]
    told.place.records.mkdir(parents=True)
    stale = told.place.records / f".{records.stem(second.run_id, told.code)}.json.1.part"
    stale.write_text("{")
    told.place.locks.mkdir()
    elsewhere = lock(told, third)
    elsewhere.acquire()
    news, killed_second = [], False
    with closing(local.execute(configs, told, 1)) as stream:
        for item in stream:
            news.append(item)
            if item.config == first and item.state == "started":
                kill_workers()
            begun = list(told.place.checkpoints.glob(f"{second.run_id}-*"))
            if begun and item.state == "progress" and not killed_second:
                killed_second = True
                kill_workers()
            if item.config == second and item.state == "done":
                elsewhere.release()
    return told, configs, news


def states(news, run):
    """What became of a run, less its progress."""
    return [n.state for n in news if n.config == run and n.state != "progress"]


def test_a_run_whose_process_is_killed_is_repeated_once(eventful):
    told, (_, second, _), news = eventful
    assert states(news, second) == ["started", "started", "done"]
    record = records.newest(told.place.records, second.run_id, told.code)
    assert record.config == second
    assert [len(losses) for losses in record.result.train_loss] == [20, 20]


def test_a_run_that_was_repeated_says_so_and_from_where_it_went_on(eventful):
    _, (_, second, third), news = eventful
    (said,) = (n.message for n in news if n.config == second and n.state == "done")
    how = r"its process was killed by signal 9, once; went on from its checkpoint, at \d+ %"
    assert re.fullmatch(how, said)
    (undisturbed,) = (n.message for n in news if n.config == third and n.state == "done")
    assert undisturbed == ""


def test_the_progress_of_a_repeated_run_starts_where_its_checkpoint_was(eventful):
    _, (_, second, _), news = eventful
    shares = [n.share for n in news if n.config == second and n.state in ("started", "progress")]
    (again,) = (k for k, share in enumerate(shares) if share == 0 and k)  # its second start
    assert shares[again + 1] > 0.5 * shares[again - 1] > 0


def test_a_run_whose_process_is_killed_twice_has_failed(eventful):
    _, (first, _, _), news = eventful
    assert states(news, first) == ["started", "started", "failed"]
    (failure,) = (n for n in news if n.state == "failed")
    assert failure.message == "its process was killed by signal 9, twice"


def test_a_run_that_another_process_holds_is_waited_for_without_spinning(eventful):
    _, (_, second, third), news = eventful
    assert states(news, third) == ["started", "done"]
    ends = [n.config for n in news if n.state == "done"]
    assert ends == [second, third]


def test_what_is_left_is_whole(eventful):
    told, (_, second, third), _ = eventful
    stems = sorted(records.stem(c.run_id, told.code) for c in (second, third))
    files = sorted(p.name for p in told.place.records.iterdir())
    assert files == sorted(f"{s}{end}" for s in stems for end in (".json", ".safetensors"))
    assert sorted(p.stem for p in told.place.weights.iterdir()) == stems
    assert len(records.load_all([told.place.folder])) == 2


def test_a_record_is_newer_than_the_files_beside_it(eventful):
    told, (_, second, _), _ = eventful
    stem = records.stem(second.run_id, told.code)
    record = (told.place.records / f"{stem}.json").stat().st_mtime_ns
    assert (told.place.records / f"{stem}.safetensors").stat().st_mtime_ns <= record
    assert (told.place.weights / f"{stem}.safetensors").stat().st_mtime_ns <= record


def test_progress_is_told_while_a_run_runs(eventful):
    _, (_, second, _), news = eventful
    shares = [n.share for n in news if n.config == second and n.state == "progress"]
    assert all(0 < share <= 1 for share in shares)
    # the last news may come when only the run's files are left to write
    assert any(share < 1 for share in shares)


def test_a_run_that_has_a_record_is_kept(eventful):
    told, (_, second, third), _ = eventful
    before = {p: p.stat().st_mtime_ns for p in told.place.records.iterdir()}
    with closing(local.execute([second, third], told, 2)) as stream:
        assert {n.state for n in stream} == {"kept"}
    assert {p: p.stat().st_mtime_ns for p in told.place.records.iterdir()} == before


def test_stopping_ends_the_workers_and_frees_their_locks(tmp_path):
    told = job(tmp_path / "tiny")
    stream = local.execute([config()], told, 4)  # more workers than runs: one is started
    assert next(stream).state == "started"
    assert len(multiprocessing.active_children()) == 1
    started = time.monotonic()
    stream.close()
    assert time.monotonic() - started < 10
    assert multiprocessing.active_children() == []
    with lock(told, config()).acquire(timeout=0):
        pass
    assert not list(told.place.folder.rglob("*.json"))


def test_a_worker_that_dies_idle_is_noticed(tmp_path):
    worker = local._start(job(tmp_path / "tiny"))
    worker.process.kill()
    worker.process.join()
    (news,) = local._round([worker], deque([config()]))
    assert (news.state, news.message) == ("died", "its process was killed by signal 9")
    assert worker.config is None
    assert worker.died


def test_files_that_changed_since_the_plan_was_made_are_noticed(tmp_path):
    told = job(tmp_path / "tiny", code="deadbeef")
    with pytest.raises(ValueError, match="files changed while the plan ran"):
        local._run(config(), told, lambda _: None, lambda _: None)
    assert not told.place.folder.exists()


def test_data_that_changed_since_the_plan_was_made_is_noticed(tmp_path):
    from acn_bench.execution import runner

    other = msgspec.structs.replace(config(), fingerprint="0" * 12)
    with pytest.raises(ValueError, match="digits100 changed since the run was planned"):
        runner.run(other, RunFolder(tmp_path / "tiny"), data_root=None, device=torch.device("cpu"))
    assert not (tmp_path / "tiny").exists()
