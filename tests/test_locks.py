"""Who may make a run: locks where they reach everybody, leases elsewhere; frozen, killed and slow owners."""

import errno
import fcntl
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import closing, suppress

import pytest
import torch
from filelock import Timeout

from acn_bench import device, records
from acn_bench.analysis.comparison import compare
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import images
from acn_bench.execution import code_hash, file_system, locks, runner, worker
from acn_bench.execution.job import Job, Placement
from acn_bench.execution.lease import Leases
from acn_bench.execution.local import LocalExecutor
from acn_bench.execution.locks import Claim
from acn_bench.execution.worker import Busy
from acn_bench.families.mixer import MixerSpec
from acn_bench.run_folder import RunFolder
from acn_bench.strategies.naive import NaiveSpec

RUN = "naive-ac_mixer-d1-s0-0123abcd-4567cdef"
SHORT = 0.5  # seconds of a lease

# ---------------------------------------------------------------- which kind of lock

MOUNTS = """\
21 1 259:2 / / rw,relatime shared:1 - ext4 /dev/root rw
30 21 0:44 / {0}/scratch rw - lustre 10.0.0.1@tcp:/scratch rw
31 21 0:45 / {0}/home rw shared:9 - nfs4 server:/home rw
32 30 0:46 / {0}/scratch/with\\040space rw - fuse.sshfs host:/ rw
33 31 0:47 / {0}/home/local rw - xfs /dev/sdb rw
"""


@pytest.fixture
def mounts(tmp_path, monkeypatch):
    file = tmp_path / "mountinfo"
    file.write_text(MOUNTS.format(tmp_path))
    for folder in ("scratch/with space", "scratch-2", "home/local"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr(file_system.kind, "__defaults__", (file,))
    return tmp_path


@pytest.mark.parametrize(
    ("folder", "system", "kind"),
    [
        ("scratch/runs", "lustre", "lease"),
        ("scratch/with space/runs", "fuse.sshfs", "lease"),
        ("scratch-2/runs", "ext4", "flock"),
        ("home/runs/tiny/locks", "nfs4", "lease"),
        ("home/local/runs", "xfs", "flock"),
    ],
)
def test_only_file_systems_of_one_machine_are_trusted_with_flock(mounts, folder, system, kind):
    choice = locks.choose(mounts / folder)
    assert choice.kind == kind
    assert system in choice.reason
    assert not (mounts / folder).exists()  # a plan that is only printed writes nothing


@pytest.mark.parametrize("code", ["ENOLCK", "ENOSYS", "EOPNOTSUPP", "EINVAL"])
def test_where_flock_fails_there_are_leases_and_the_plan_says_why(tmp_path, monkeypatch, code):
    reason = os.strerror(getattr(errno, code))

    def flock(*_):
        raise OSError(getattr(errno, code), reason)

    monkeypatch.setattr(fcntl, "flock", flock)
    choice = locks.choose(tmp_path)
    assert choice.kind == "lease"
    assert reason in choice.reason
    with locks.Locks(tmp_path, choice.kind).take(RUN) as claim:
        assert len(claim.token) == 8


def test_where_one_command_uses_leases_all_do(tmp_path):
    """A folder may be a local disk on the machine that exports it, and NFS on all others."""
    locks.announce(tmp_path, "flock")
    assert locks.choose(tmp_path).kind == "flock"
    locks.announce(tmp_path, "lease")
    assert locks.choose(tmp_path).kind == "lease"
    with pytest.raises(ValueError, match=r"--lock flock: commands in .* use leases"):
        locks.choose(tmp_path, "flock")
    with pytest.raises(ValueError, match="--lock: unknown 'leaf'"):
        locks.choose(tmp_path, "leaf")


def test_a_lock_on_a_local_disk_is_held_by_one(tmp_path):
    mine, others = locks.Locks(tmp_path, "flock"), locks.Locks(tmp_path, "flock")
    with mine.take(RUN), pytest.raises(Timeout), others.take(RUN):
        pass
    with others.take(RUN):
        pass


# ---------------------------------------------------------------- leases of other processes

OWNER = """
import sys, time
from pathlib import Path
from acn_bench.execution.lease import Leases
lease = Leases(Path(sys.argv[1]), float(sys.argv[2])).take(sys.argv[3])
print("holds", flush=True)
while not lease.lost:
    time.sleep(0.02)
print("lost", flush=True)
lease.release()
"""


@pytest.fixture
def owner(tmp_path):
    """A process that holds the lease."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path), str(SHORT), RUN], stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"holds\n"
    yield process
    process.kill()
    process.communicate()


def seconds_until_taken(leases, limit):
    start = time.monotonic()
    while time.monotonic() - start < limit:
        with suppress(Timeout):
            return leases.take(RUN), time.monotonic() - start
        time.sleep(0.02)
    return None, limit


def test_a_frozen_owner_is_superseded_and_learns_it_when_it_wakes(tmp_path, owner):
    owner.send_signal(signal.SIGSTOP)
    lease, waited = seconds_until_taken(Leases(tmp_path, SHORT), limit=10)
    assert lease
    assert waited >= SHORT
    owner.send_signal(signal.SIGCONT)
    assert owner.stdout.readline() == b"lost\n"
    owner.wait()  # and releases what is no longer its own
    with pytest.raises(Timeout):
        Leases(tmp_path, SHORT).take(RUN)
    assert not lease.superseded()
    lease.release()


def test_an_owner_that_was_killed_on_this_machine_is_superseded_at_once(tmp_path, owner):
    owner.kill()  # and not waited for: it is a zombie
    lease, waited = seconds_until_taken(Leases(tmp_path, SHORT), limit=10)
    assert lease
    assert waited < SHORT
    lease.release()


def test_a_living_owner_is_never_superseded_however_long_its_run_takes(tmp_path, owner):
    lease, _ = seconds_until_taken(Leases(tmp_path, SHORT), limit=4 * SHORT)
    assert lease is None


def test_an_owner_on_another_machine_is_waited_for_in_full(tmp_path):
    """Its process cannot be looked for, dead or not; and clocks are of no interest."""
    mine = Leases(tmp_path, SHORT)
    mine.take(RUN).release()
    (file,) = (tmp_path / RUN).iterdir()
    file.write_text('7           \n{"machine": "elsewhere", "process": 1, "started": "5"}\n')
    os.utime(file, (2**33, 2**33))  # in the far future
    lease, waited = seconds_until_taken(mine, limit=10)
    assert lease
    assert waited >= SHORT
    lease.release()


def test_a_released_lease_is_free_and_its_next_claim_has_another_token(tmp_path):
    leases = Leases(tmp_path, SHORT)
    tokens = []
    for _ in range(3):
        lease = leases.take(RUN)
        tokens.append(lease.token)
        lease.release()
    assert len(set(tokens)) == 3
    assert [p.name for p in (tmp_path / RUN).iterdir()] == ["3"]


CROWD = """
import os, sys, time
from pathlib import Path
from filelock import Timeout
from acn_bench.execution.lease import Leases
folder = Path(sys.argv[1])
leases, turns = Leases(folder, 30.0), 0
while turns < 40:
    try:
        lease = leases.take("run-00000000-00000000")
    except Timeout:
        continue
    inside = os.open(folder / "inside", os.O_CREAT | os.O_EXCL)  # fails where another is inside
    turns += 1
    os.close(inside)
    os.unlink(folder / "inside")
    assert not lease.superseded()
    lease.release()
    time.sleep(0.001)
"""


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_a_crowd_takes_turns(tmp_path, links):
    refused = "os.link = lambda *_: os.stat('/nowhere')\nfolder ="  # as some file systems do
    program = CROWD if links else CROWD.replace("folder =", refused, 1)
    crowd = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    for process in crowd:
        assert process.communicate(timeout=60)[1] == b""
        assert process.returncode == 0


# ---------------------------------------------------------------- runs under a lease


def config(epochs):
    return RunConfig(
        benchmark=ContinualSpec(
            name="tiny", data="digits100", experiences=2, classes_per_experience=2, epochs=epochs
        ),
        strategy=NaiveSpec(name="naive"),
        backbone=MixerSpec(
            wiring="ac", depth=1, patch_size=8, width=16, token_width=8, channel_width=16
        ),
        seeds=Seeds(),
        fingerprint=images.load("digits100").fingerprint,
    )


def job(folder, run):
    return Job(
        RunFolder(folder), {run.run_id: code_hash.code(run)}, None, ("cpu",),
        threads=1, again=False, interval=0.0, lock="lease", lease=SHORT,
    )  # fmt: skip


def names(folder):
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.usefixtures("quick_workers")
def test_a_frozen_worker_is_superseded_and_does_no_harm_when_it_wakes(tmp_path):
    torch.set_num_threads(1)
    device.describe.cache_clear()  # other tests in this process may have had more threads
    run = config(epochs=20)
    a_job = job(tmp_path / "tiny", run)
    with closing(LocalExecutor(1).execute([run], a_job)) as events:
        while not list(a_job.folder.checkpoints.glob("*.safetensors")):
            next(events)
        (first,) = multiprocessing.active_children()
        os.kill(first.pid, signal.SIGSTOP)
        mine, ends = a_job.locks(), []
        started = time.monotonic()
        while not ends or isinstance(ends[-1], Busy):
            ends.append(worker.attempt(run, a_job, Placement("cpu"), lambda _: None, mine))
        assert time.monotonic() - started > SHORT
        assert ends[-1].state == "done"
        assert "resumed from its checkpoint" in ends[-1].message
        written = names(a_job.folder.records)
        os.kill(first.pid, signal.SIGCONT)
        assert [e.state for e in events if e.state not in ("started", "progress")] == ["kept"]
    assert names(a_job.folder.records) == written
    assert len(records.load_all([a_job.folder.folder])) == 1


def test_two_owners_that_both_finish_keep_both_records_whole(tmp_path):
    """A slow owner never loses its record; that there are two of one run is told."""
    run = config(epochs=1)
    folder = RunFolder(tmp_path / "tiny")
    for token in ("aaaaaaaa", "bbbbbbbb"):
        runner.run(
            run, folder, data_root=None, placement=Placement("cpu"), claim=Claim(token=token)
        )
    stem = records.stem(run.run_id, code_hash.code(run))
    stems = [f"{stem}.2.tbbbbbbbb", f"{stem}.taaaaaaaa"]
    assert names(folder.weights) == [f"{s}.safetensors" for s in stems]
    assert names(folder.records) == [f"{s}.{e}" for s in stems for e in ("json", "safetensors")]
    first, second = (folder.weights / f"{s}.safetensors" for s in stems)
    assert first.read_bytes() == second.read_bytes()
    everything = records.load_all([folder.folder], older=True)
    assert len(everything) == 2
    assert compare(everything).repeats
    assert not list(folder.checkpoints.glob("*"))
