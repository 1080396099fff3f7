"""Runs in processes of their own: killed, locked by others, stopped."""

import multiprocessing
import os
import re
import signal
import time
from contextlib import closing
from types import SimpleNamespace

import msgspec
import pytest
import safetensors
import torch
from filelock import FileLock

from acn_bench import catalog, device, records
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import images
from acn_bench.execution import code_hash, local, main_guard, runner, session, worker
from acn_bench.execution.job import Job, Placement, RunEvent
from acn_bench.execution.local import LocalExecutor
from acn_bench.execution.run_queue import RunQueue
from acn_bench.execution.shards import Shard
from acn_bench.families.mixer import MixerSpec
from acn_bench.plan import Choices, unresolved
from acn_bench.run_folder import RunFolder
from acn_bench.strategies.naive import NaiveSpec

PROTOCOL = ContinualSpec(
    name="tiny", data="digits100", experiences=2, classes_per_experience=2, epochs=20
)
BACKBONE = MixerSpec(
    wiring="ac", depth=1, patch_size=8, width=16, token_width=8, channel_width=16
)  # fmt: skip


def config(seed=0, epochs=20):
    return RunConfig(
        benchmark=msgspec.structs.replace(PROTOCOL, epochs=epochs),
        strategy=NaiveSpec(name="naive"),
        backbone=BACKBONE,
        seeds=Seeds(order=seed, init=seed, data=seed, noise=seed),
        fingerprint=images.load("digits100").fingerprint,
    )


CODE = code_hash.code(config())


def job(folder, **changes):
    fields = {
        "folder": RunFolder(folder), "codes": {c.run_id: CODE for c in map(config, range(3))},
        "data_root": None, "devices": ("cpu",), "threads": 1, "again": False,
    }  # fmt: skip
    return Job(**fields | changes)


def lock(of, run):
    return FileLock(of.folder.locks / f"{records.stem(run.run_id, CODE)}.lock")


def kill_workers():
    for process in multiprocessing.active_children():
        os.kill(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def eventful(tmp_path_factory, quick_workers):
    """Three runs in one worker: the first is killed twice, the second once, another process holds the third.

    (job, configs, events)
    """
    a_job = job(tmp_path_factory.mktemp("runs") / "tiny", interval=0.0)
    first, second, third = configs = [config(seed) for seed in range(3)]
    a_job.folder.records.mkdir(parents=True)
    stale = a_job.folder.records / f".{records.stem(second.run_id, CODE)}.json.1.part"
    stale.write_text("{")
    a_job.folder.locks.mkdir()
    elsewhere = lock(a_job, third)
    elsewhere.acquire()
    events, killed_second = [], False
    with closing(LocalExecutor(1).execute(configs, a_job)) as stream:
        for item in stream:
            events.append(item)
            if item.config == first and item.state == "started":
                kill_workers()
            begun = list(a_job.folder.checkpoints.glob(f"{second.run_id}-*"))
            if begun and item.state == "progress" and not killed_second:
                killed_second = True
                kill_workers()
            if item.config == second and item.state == "done":
                elsewhere.release()
    return a_job, configs, events


def states(events, run):
    """The states of a run, without its progress."""
    return [e.state for e in events if e.config == run and e.state != "progress"]


def test_a_run_whose_process_is_killed_is_repeated_once(eventful):
    a_job, (_, second, _), events = eventful
    assert states(events, second) == ["started", "started", "done"]
    record = records.newest(a_job.folder.records, second.run_id, CODE)
    assert record.config == second
    assert [len(losses) for losses in record.result.train_loss] == [20, 20]


def test_a_run_that_was_repeated_says_so_and_from_where_it_resumed(eventful):
    _, (_, second, third), events = eventful
    (message,) = (n.message for n in events if n.config == second and n.state == "done")
    how = r"its process was killed by signal 9, once; resumed from its checkpoint at \d+ %"
    assert re.fullmatch(how, message)
    (undisturbed,) = (n.message for n in events if n.config == third and n.state == "done")
    assert undisturbed == ""


def test_the_progress_of_a_repeated_run_starts_where_its_checkpoint_was(eventful):
    _, (_, second, _), events = eventful
    shares = [n.share for n in events if n.config == second and n.state in ("started", "progress")]
    (again,) = (k for k, share in enumerate(shares) if share == 0 and k)  # its second start
    assert shares[again + 1] > 0.5 * shares[again - 1] > 0


def test_a_run_whose_process_is_killed_twice_has_failed(eventful):
    _, (first, _, _), events = eventful
    assert states(events, first) == ["started", "started", "failed"]
    (failure,) = (n for n in events if n.state == "failed")
    assert failure.message == "its process was killed by signal 9, twice"


def test_a_run_that_another_process_holds_is_waited_for_without_spinning(eventful):
    _, (_, second, third), events = eventful
    assert states(events, third) == ["started", "done"]
    ends = [n.config for n in events if n.state == "done"]
    assert ends == [second, third]


def test_what_is_left_is_whole(eventful):
    a_job, (_, second, third), _ = eventful
    stems = sorted(records.stem(c.run_id, CODE) for c in (second, third))
    files = sorted(p.name for p in a_job.folder.records.iterdir())
    assert files == sorted(f"{s}{end}" for s in stems for end in (".json", ".safetensors"))
    assert sorted(p.stem for p in a_job.folder.weights.iterdir()) == stems
    assert len(records.load_all([a_job.folder.folder])) == 2


def test_a_record_is_newer_than_the_files_beside_it(eventful):
    a_job, (_, second, _), _ = eventful
    stem = records.stem(second.run_id, CODE)
    record = (a_job.folder.records / f"{stem}.json").stat().st_mtime_ns
    assert (a_job.folder.records / f"{stem}.safetensors").stat().st_mtime_ns <= record
    assert (a_job.folder.weights / f"{stem}.safetensors").stat().st_mtime_ns <= record


def test_progress_is_reported_while_a_run_runs(eventful):
    _, (_, second, _), events = eventful
    shares = [n.share for n in events if n.config == second and n.state == "progress"]
    assert all(0 < share <= 1 for share in shares)
    # the last of them may come when only the run's files are left to write
    assert any(share < 1 for share in shares)


def test_a_run_that_has_a_record_is_kept(eventful):
    a_job, (_, second, third), _ = eventful
    before = {p: p.stat().st_mtime_ns for p in a_job.folder.records.iterdir()}
    with closing(LocalExecutor(2).execute([second, third], a_job)) as stream:
        assert {n.state for n in stream} == {"kept"}
    assert {p: p.stat().st_mtime_ns for p in a_job.folder.records.iterdir()} == before


@pytest.mark.usefixtures("quick_workers")
def test_stopping_ends_the_workers_and_frees_their_locks(tmp_path):
    a_job = job(tmp_path / "tiny")
    stream = LocalExecutor(4).execute([config()], a_job)  # more workers than runs: one is started
    assert next(stream).state == "started"
    assert len(multiprocessing.active_children()) == 1
    started = time.monotonic()
    stream.close()
    assert time.monotonic() - started < 10
    assert multiprocessing.active_children() == []
    with lock(a_job, config()).acquire(timeout=0):
        pass
    assert not list(a_job.folder.records.glob("*.json"))


def test_a_worker_that_dies_idle_is_noticed(tmp_path):
    idle = local._start(job(tmp_path / "tiny"), 0)
    idle.process.kill()
    idle.process.join()
    ((_, answer),) = local._round([idle], RunQueue([config()]))
    assert answer == local._Death(config(), "its process was killed by signal 9")
    assert idle.config is None
    assert idle.died


def test_files_that_changed_since_the_plan_was_made_are_noticed(tmp_path):
    a_job = job(tmp_path / "tiny", codes={config().run_id: "deadbeef"})
    with pytest.raises(ValueError, match="files changed while the plan ran"):
        worker.run(config(), a_job, Placement("cpu"), lambda _: None, lambda _: None)
    assert not a_job.folder.folder.exists()


def test_data_that_changed_since_the_plan_was_made_is_noticed(tmp_path):
    other = msgspec.structs.replace(config(), fingerprint="0" * 12)
    with pytest.raises(ValueError, match="digits100 changed since the run was planned"):
        runner.run(other, RunFolder(tmp_path / "tiny"), data_root=None, placement=Placement("cpu"))
    assert not (tmp_path / "tiny").exists()


def test_sys_exit_in_a_run_fails_the_run_and_sigterm_ends_the_process(tmp_path, monkeypatch):
    def exiting(code):
        def run(*_):
            raise SystemExit(code)

        return run

    monkeypatch.setattr(worker, "run", exiting(0))
    end = worker.attempt(config(), job(tmp_path), Placement("cpu"), lambda _: None)
    assert (end.state, end.message) == ("failed", "SystemExit: 0")

    monkeypatch.setattr(worker, "run", exiting(143))
    with pytest.raises(SystemExit):
        worker.attempt(config(), job(tmp_path), Placement("cpu"), lambda _: None)


# ---------------------------------------------------------------- shares of a plan


def test_shares_are_disjoint_and_every_worker_can_take_every_run():
    for runs, count in ((range(10), 3), (range(2), 5), (range(1), 1)):
        orders = [Shard(k, count).order(runs) for k in range(1, count + 1)]
        assert all(sorted(order) == list(runs) for order in orders)
        shares = [order[: len(range(k, len(runs), count))] for k, order in enumerate(orders)]
        assert sorted(run for share in shares for run in share) == list(runs)


def test_a_worker_takes_from_the_end_of_the_shares_of_others():
    assert Shard(2, 3).order(range(9)) == [1, 4, 7, 8, 5, 2, 6, 3, 0]


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/3/5", "-1/3", "one of three", "1/0"])
def test_what_is_no_share_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="the first of eight is 1/8"):
        Shard.parse(text)
    assert Shard.parse("3/3") == Shard(3, 3)


@pytest.mark.usefixtures("quick_workers")
def test_a_share_ends_when_others_make_the_rest_and_leaves_it_to_them(tmp_path):
    a_job = job(tmp_path / "tiny", patience=0.5)
    first, second = config(0), config(1)
    a_job.folder.locks.mkdir(parents=True)
    with lock(a_job, second), closing(LocalExecutor(1).execute([second, first], a_job)) as stream:
        ends = [(e.config, e.state) for e in stream if e.state not in ("started", "progress")]
    assert ends == [(first, "done"), (second, "left")]


def test_a_busy_run_is_tried_again_by_who_watches_it_while_anybody_is_idle():
    first, second = config(0), config(1)
    queue = RunQueue([first, second], patience=0.0)
    assert queue.next(0) == first
    assert not queue.is_left(first, 0)  # one was not tried yet
    assert queue.next(1) == second
    assert queue.next(1) == first
    assert queue.is_left(first, 1)
    assert not queue


# ---------------------------------------------------------------- stopped by a scheduler


def until(stream, share):
    """Take events until a run has come so far."""
    return next(e for e in stream if e.state == "progress" and e.share > share)


@pytest.mark.usefixtures("quick_workers")
def test_a_run_that_is_stopped_saves_its_state_first_and_resumes_from_there(tmp_path):
    run = config(epochs=200)  # it must not end before it is stopped
    changes = {"codes": {run.run_id: CODE}, "interval": 1e6, "grace": 60.0}  # no checkpoint is due
    a_job = job(tmp_path / "tiny", **changes)
    stream = LocalExecutor(1).execute([run], a_job)
    reached = until(stream, 0.2).share
    stream.close()
    assert multiprocessing.active_children() == []
    (saved,) = a_job.folder.checkpoints.glob("*.safetensors")
    # its own header: this process may have other threads than the worker, and would refuse to resume there
    with safetensors.safe_open(saved, "pt") as file:
        assert float(file.metadata()["share"]) >= reached
    assert not list(a_job.folder.running.iterdir())

    # a scheduler signals every process of a job: this time the worker that trains, alone
    with closing(LocalExecutor(1).execute([run], a_job)) as stream:
        until(stream, 0.6)
        (process,) = multiprocessing.active_children()
        os.kill(process.pid, signal.SIGTERM)
        end = list(stream)[-1]
    assert end.state == "done"
    how = r"its process ended with 143, once; resumed from its checkpoint at (\d+) %"
    assert int(re.fullmatch(how, end.message)[1]) >= 60


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"executor": "rya"}, "--executor: unknown 'rya'. Known: local, ray"),
        ({"executor": "ray", "shard": Shard(1, 2)}, "leave it out with --executor ray"),
        ({"lock": "none"}, "--lock: unknown 'none'. Known: auto, flock, lease"),
    ],
)
def test_a_wrong_executor_or_lock_is_refused_when_it_is_planned(tmp_path, changes, message):
    plan = unresolved(
        catalog.benchmark("split_cifar100"), Choices(data="digits100", quick=True, seeds=(0,))
    )
    fields = {"data_root": None, "device": "cpu", "jobs": 1, "again": False} | changes
    path = catalog.benchmark_path("split_cifar100")
    with pytest.raises(ValueError, match=re.escape(message)):
        session.prepare(
            catalog.benchmark("split_cifar100"), path, plan, session.Options(tmp_path, **fields)
        )


# ---------------------------------------------------------------- where a worker computes


class Answers:
    """A worker's process and pipe in one: it finishes every run at once."""

    def __init__(self):
        self.ends = []

    def send(self, run):
        self.ends.append(RunEvent(run, "done", share=1.0))

    def recv(self):
        return self.ends.pop(0)


def test_workers_take_the_devices_in_turn(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    devices = device.by_index(torch.device("cuda"))
    assert devices == ("cuda:0", "cuda:1")
    started = []

    def start(a_job, number):
        started.append(local.placement(a_job, number))
        return local._Worker(None, Answers(), number)

    monkeypatch.setattr(local, "_start", start)
    monkeypatch.setattr(local, "_stop", lambda *_: None)
    monkeypatch.setattr(local, "wait", lambda pipes: pipes)
    runs = [config(seed) for seed in range(5)]
    events = list(LocalExecutor(3).execute(runs, job(tmp_path, devices=devices)))
    assert [p.device for p in started] == ["cuda:0", "cuda:1", "cuda:0"]
    assert {(p.rank, p.world_size) for p in started} == {(0, 1)}
    assert [e.config for e in events] == runs


def test_a_worker_that_replaces_a_dead_one_takes_its_device(tmp_path, monkeypatch):
    dead = local._Worker(multiprocessing.Process(), None, 1, died=True)
    monkeypatch.setattr(dead, "process", SimpleNamespace(kill=lambda: None, join=lambda: None))
    monkeypatch.setattr(local, "_start", lambda _, number: number)
    workers = [dead]
    local._replace_dead(workers, job(tmp_path))
    assert workers == [1]


def test_a_run_is_given_the_device_of_its_worker(tmp_path, monkeypatch):
    """`cuda:1` reaches the protocol as it is; code that names no index uses it, too."""
    calls = []
    monkeypatch.setattr(torch.cuda, "set_device", calls.append)
    monkeypatch.setattr(runner, "run", lambda *_, placement, **__: calls.append(placement))
    worker.run(config(), job(tmp_path), Placement("cuda:1"), lambda _: None, lambda _: None)
    assert calls == ["cuda:1", Placement("cuda:1")]


def test_a_cpu_is_one_device():
    assert device.by_index(torch.device("cpu")) == ("cpu",)


def test_a_run_over_several_processes_is_refused_when_it_is_planned(tmp_path):
    card = catalog.benchmark("split_cifar100")
    plan = unresolved(card, Choices(data="digits100", quick=True, seeds=(0,)))
    options = session.Options(
        tmp_path, data_root=None, device="cpu", jobs=1, again=False, world_size=2
    )
    message = "a run of a continual benchmark uses one process, and cannot use 2"
    with pytest.raises(ValueError, match=message):
        session.prepare(card, catalog.benchmark_path("split_cifar100"), plan, options)


# ---------------------------------------------------------------- a script without `if __name__ == "__main__":`


def test_a_worker_whose_script_starts_runs_ends_with_a_code_of_its_own(monkeypatch):
    codes = []
    monkeypatch.setattr(main_guard.os, "_exit", codes.append)

    main_guard.end_worker()
    assert codes == []
    monkeypatch.setattr(multiprocessing.process.current_process(), "_inheriting", True, raising=False)  # fmt: skip
    main_guard.end_worker()
    assert codes == [main_guard.EXIT_CODE]


def test_a_script_without_a_guard_is_told_to_have_one():
    class Closed:
        def recv(self):
            raise EOFError

    process = SimpleNamespace(exitcode=main_guard.EXIT_CODE, join=lambda **_: None)
    ended = local._Worker(process, Closed(), 0, config())

    with pytest.raises(ValueError, match=r'below if __name__ == "__main__":$'):
        local._receive(ended)
