"""A real Slurm of one node, without systemd: an array, a requeue, a time limit, a cancel; and the records at the end.

Needs root and Debian's slurm-wlm (munged, slurmctld, slurmd): `make test MARK=slurm ARGS="-n 0"`.
"""

import os
import re
import shutil
import socket
import subprocess
from contextlib import suppress
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


def free_ports():
    """Two that are not the same."""
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def answer(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def cluster(monkeypatch, wait_for):
    """A running cluster, for whatever asks $SLURM_CONF."""
    place = Path(f"/tmp/acn-slurm-{os.getpid()}")  # a socket's path has 107 characters at most
    for folder in ("state", "spool"):
        (place / folder).mkdir(parents=True)
    key, socket_path = place / "munge.key", place / "munge.socket"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    configuration = place / "slurm.conf"
    host = socket.gethostname().partition(".")[0]
    configuration.write_text(CONFIGURATION.format(host=host, place=place, ports=free_ports()))
    monkeypatch.setenv("SLURM_CONF", str(configuration))
    munge = ["munged", "--foreground", "--force", f"--key-file={key}", f"--socket={socket_path}"]
    munge += [
        f"--{name}={place}/munged.{name[:4]}" for name in ("pid-file", "log-file", "seed-file")
    ]
    log = (place / "daemons.log").open("w")
    daemons = [subprocess.Popen(munge, stdout=log, stderr=log)]
    try:
        wait_for(lambda: daemons[0].poll() is not None or socket_path.exists(), "munged's start")
        daemons += [
            subprocess.Popen([*words, "-f", configuration], stdout=log, stderr=log)
            for words in (["slurmctld", "-D"], ["slurmd", "-D", "-N", host])
        ]
        wait_for(
            lambda: is_idle() or any(d.poll() is not None for d in daemons), "the node's start"
        )
        assert is_idle(), (place / "daemons.log").read_text()
        yield
        answer("scancel", "--user=root")  # a job outlives the daemon that started it
        wait_for(lambda: not answer("squeue", "-h"), "the end of all jobs")
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait()
        log.close()
        shutil.rmtree(place)


def is_idle():
    """Whether the node waits for jobs."""
    return subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True).stdout == b"idle\n"


def facts(task):
    """What Slurm says of a task: its words by name."""
    return dict(re.findall(r"(\w+)=(\S*)", answer("scontrol", "show", "job", task)))


def minutes(clock):
    """Whole minutes of "00:02:59"."""
    hours, minutes, _ = map(int, clock.split(":"))
    return 60 * hours + minutes


def is_running(word):
    """Whether a process of this machine has the word among those of its command."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if word.encode() in path.read_bytes().split(b"\0"):
                return True
    return False


@pytest.mark.usefixtures("cluster")
def test_a_plan_that_slurm_interrupts_in_every_way_ends_like_an_undisturbed_one(
    plan, alone, outcome, wait_for
):
    submit = ("submit", "slurm", "tiny.toml", "--jobs=1", "--out", plan.out, "--workers", 2)
    job = re.match(r"job (\d+): 2 workers of tiny\n", plan.run(*submit, "--", "-c1"))[1]
    first, second = f"{job}_1", f"{job}_2"

    def log(task):
        return (plan.out / "tiny" / "slurm" / f"{task}.log").read_text()

    wait_for(lambda: plan.training() == 2 == plan.checkpoints(), "a checkpoint of two runs")
    answer("scontrol", "requeue", first)  # as a preemption does: SIGTERM
    limit = minutes(facts(second)["RunTime"]) + 2  # one to two minutes from now: SIGUSR1
    answer("scontrol", "update", f"JobId={second}", f"TimeLimit={limit}")
    wait_for(lambda: "terminated: finished runs are saved" in log(first), "the end by SIGTERM")
    wait_for(lambda: "stopped before its time was over" in log(second), "the end by the time limit")
    wait_for(lambda: int(facts(second)["Restarts"]), "the worker that queues itself again")
    answer("scontrol", "update", f"JobId={second}", "TimeLimit=UNLIMITED")
    for task in (first, second):
        wait_for(lambda task=task: re.search(r"resumes .* checkpoint", log(task)), "resuming")
        assert len(re.findall(r"runs: \d finished", log(task))) == 2  # appended
    assert int(facts(first)["Restarts"]) == 1
    assert "Exited with exit code 143" in log(first)

    wait_for(lambda: plan.training() == 2, "training of both runs again")
    answer("scancel", second)
    wait_for(lambda: not is_running("2/2"), "the end of the worker")
    plan.brake.unlink()
    wait_for(lambda: not answer("squeue", "-h"), "the end of the plan")
    # the first worker made the run of the second, too, each from its checkpoint
    assert len(re.findall(r"\[\d/4\] .*resumed from its checkpoint", log(first))) == 2
    assert [run.state for run in plan.runs()] == ["done"] * 4
    assert plan.run("status", plan.out) == "tiny  4 runs: 4 done, 0 running, 0 failed, 0 waiting\n"
    assert outcome(plan) == alone
