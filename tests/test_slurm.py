"""A real Slurm of one node, without systemd: an array, a requeue, a time limit, a cancel; and the records at the end.

Needs root and Debian's slurm-wlm (munged, slurmctld, slurmd) and procps: `make test MARK=slurm ARGS="-n 0"`.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(
        os.geteuid() != 0 or not all(map(shutil.which, PROGRAMS)), reason="no Slurm, or not root"
    ),
]

# cred_expire is how long a requeued job waits: 120 s by default
CONFIGURATION = """\
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={place}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,sched_min_interval=200000
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
CARD = """
name = "tiny"
intent = "Do clusters make the same records?"
citation = "none"

[protocol]
kind = "continual"
data = "digits100"
experiences = 2
classes_per_experience = 2
epochs = 1000
crop_padding = 0

[defaults]
backbones = ["ac_mixer", "residual_mixer"]
strategies = ["naive"]
seeds = [0]
depth = 1
sizes = { mixer = { patch_size = 8, width = 16, token_width = 8, channel_width = 16 } }
"""
LIMIT = 600  # seconds for anything to happen, on a busy machine


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(condition, what):
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.5)
    raise AssertionError(f"{what} did not happen in {LIMIT} s")


def answer(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A running cluster, for whatever asks $SLURM_CONF."""
    place = Path(f"/tmp/acn-slurm-{os.getpid()}")  # a socket's path has 107 characters at most
    for folder in ("state", "spool"):
        (place / folder).mkdir(parents=True)
    key, socket_path = place / "munge.key", place / "munge.socket"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    configuration = place / "slurm.conf"
    ports = [free_port(), free_port()]
    host = socket.gethostname()
    configuration.write_text(CONFIGURATION.format(host=host, place=place, ports=ports))
    monkeypatch.setenv("SLURM_CONF", str(configuration))
    munge = ["munged", "--foreground", "--force", f"--key-file={key}", f"--socket={socket_path}"]
    munge += [
        f"--{name}={place}/munged.{name[:4]}" for name in ("pid-file", "log-file", "seed-file")
    ]
    log = (place / "daemons.log").open("w")
    daemons = [subprocess.Popen(munge, stdout=log, stderr=log)]
    try:
        wait_for(socket_path.exists, "munged's start")
        daemons += [
            subprocess.Popen([*words, "-f", configuration], stdout=log, stderr=log)
            for words in (["slurmctld", "-D"], ["slurmd", "-D", "-N", host])
        ]
        wait_for(
            lambda: (
                subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True).stdout == b"idle\n"
            ),
            "the node's start",
        )
        yield
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait()
        log.close()
        shutil.rmtree(place)


def acn_bench(*words):
    return answer(sys.executable, "-m", "acn_bench", *map(str, words))


def running_shares(out):
    """How far the runs are that run, by `status`."""
    text = subprocess.run(
        [sys.executable, "-m", "acn_bench", "status", out], capture_output=True, text=True
    ).stdout
    return [int(share) for share in re.findall(r"(\d+) %", text)]


def restarts(job, task):
    return int(re.search(r"Restarts=(\d+)", answer("scontrol", "show", "job", f"{job}_{task}"))[1])


def records(folder):
    """File -> its bytes; a record as its values, less times and memory."""
    files = {}
    for path in sorted(p for kind in ("records", "weights") for p in (folder / kind).iterdir()):
        files[path.name, path.parent.name] = path.read_bytes()
        if path.suffix == ".json":
            record = json.loads(path.read_text())
            for key in ("seconds", "peak_memory"):
                del record["result"][key]
            del record["provenance"]["time"], record["digest"]
            files[path.name, path.parent.name] = timeless(record)
    return files


def timeless(value):
    """A value without what is measured in seconds or bytes."""
    if isinstance(value, dict):
        return {
            k: timeless(v) for k, v in value.items() if "seconds" not in k and "memory" not in k
        }
    return value


@pytest.mark.usefixtures("cluster")
def test_a_plan_that_a_cluster_interrupts_in_every_way_ends_like_an_undisturbed_one(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(CARD)
    out = tmp_path / "shared"
    submit = ("submit", "slurm", "tiny.toml", "--jobs=1", "--out", out, "--workers", 2, "--", "-c1")
    job = re.match(r"job (\d+): 2 workers of tiny\n", acn_bench(*submit))[1]

    def log(task):
        return (out / "tiny" / "slurm" / f"{job}_{task}.log").read_text()

    wait_for(lambda: len([s for s in running_shares(out) if s]) == 2, "training of both runs")
    answer("scontrol", "requeue", f"{job}_1")  # as a preemption does: SIGTERM
    answer("scontrol", "update", f"JobId={job}_2", "TimeLimit=2")  # less than 120 s left: SIGUSR1
    wait_for(lambda: "terminated: finished runs are saved" in log(1), "the end by SIGTERM")
    wait_for(lambda: "stopped before its time was over" in log(2), "the end by the time limit")
    wait_for(lambda: restarts(job, 1) and restarts(job, 2), "the restarts")
    answer("scontrol", "update", f"JobId={job}_2", "TimeLimit=UNLIMITED")
    for task in (1, 2):
        wait_for(lambda task=task: re.search(r"resumes .* checkpoint", log(task)), "resuming")
        assert len(re.findall(r"runs: \d finished", log(task))) == 2  # appended
        assert "143" in log(task) or task == 2

    answer("scancel", job)
    wait_for(lambda: not answer("squeue", "-h"), "the end of the job")
    processes = answer("ps", "-eo", "args")
    assert f"--out={out}" not in processes
    finished = len(list((out / "tiny" / "records").glob("*.json")))

    again = re.match(r"job (\d+)", acn_bench(*submit))[1]
    assert again != job
    wait_for(lambda: not answer("squeue", "-h"), "the end of the plan")
    assert acn_bench("status", out) == "tiny  2 runs: 2 done, 0 running, 0 failed, 0 waiting\n"
    made_again = (out / "tiny" / "slurm" / f"{again}_1.log").read_text()
    assert (
        finished == 2
        or "resumed from its checkpoint"
        in made_again + (out / "tiny" / "slurm" / f"{again}_2.log").read_text()
    )

    core = min(
        os.sched_getaffinity(0)
    )  # one, as each worker had: sums depend on the number of threads
    answer(
        "taskset", "--cpu-list", str(core), sys.executable, "-m", "acn_bench", "run", "tiny.toml",
        "--jobs=1", "--no-report", "--out", str(tmp_path / "alone"),
    )  # fmt: skip
    on_cluster, alone = records(out / "tiny"), records(tmp_path / "alone" / "tiny")
    assert on_cluster.keys() == alone.keys()
    assert [name for name in alone if on_cluster[name] != alone[name]] == []
    assert (out / "tiny" / "report.html").exists()
