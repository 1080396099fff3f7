"""Cores that a process may use, with the files of a container in place of the real ones."""

import os

import pytest

from acn_bench import cores


@pytest.fixture
def container(tmp_path, monkeypatch):
    """A machine of 64 cores whose cgroup files are given: `container(membership, {file: content})`."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    monkeypatch.setattr(cores, "CGROUPS", tmp_path)
    monkeypatch.setattr(cores, "MEMBERSHIP", tmp_path / "membership")

    def make(membership, files):
        (tmp_path / "membership").write_text(membership)
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)

    return make


V1 = "5:cpuset:/\n4:cpu,cpuacct:/docker/abc\n0::/\n"


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "5000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 64),
        ("0::/\n", {"cpu.max": "99900000 100000\n"}, 64),
        ("0::/\n", {}, 64),
        ("0::/a/b\n", {"a/cpu.max": "300000 100000\n", "a/b/cpu.max": "max 100000\n"}, 3),
        ("0::/a/b\n", {"a/cpu.max": "300000 100000\n", "a/b/cpu.max": "50000 50000\n"}, 1),
        ("0::/../other\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "200000 0\n"}, 64),
        ("0::/\n", {"cpu.max": "what\n"}, 64),
        (V1, {"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2),
        (V1, {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 64),
        (
            V1,
            {
                "cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "350000\n",
                "cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000\n",
            },
            4,
        ),
        (V1, {"unified/cpu.max": "200000 100000\n"}, 2),
        (V1, {"cpuset/cpu.cfs_quota_us": "100000\n", "cpuset/cpu.cfs_period_us": "100000\n"}, 64),
    ],
)  # fmt: skip
def test_cores_are_at_most_the_quota_of_the_container(container, membership, files, expected):
    container(membership, files)
    assert cores.cores() == expected


def test_cores_are_those_of_the_affinity_where_there_are_no_cgroups(container, monkeypatch):
    monkeypatch.setattr(cores, "MEMBERSHIP", cores.CGROUPS / "absent")
    assert cores.cores() == 64


@pytest.mark.parametrize(
    ("variables", "number"),
    [
        ({}, []),
        ({"SLURM_CPUS_ON_NODE": "64"}, []),  # a login node's shell may have it set
        ({"SLURM_JOB_ID": "7", "SLURM_CPUS_PER_TASK": "4", "SLURM_CPUS_ON_NODE": "64"}, [4]),
        ({"SLURM_JOB_ID": "7", "SLURM_CPUS_ON_NODE": "8"}, [8]),
        ({"SLURM_JOB_ID": "7", "SLURM_CPUS_ON_NODE": "8", "SLURM_STEP_TASKS_PER_NODE": "4(x2)"}, [2]),
        ({"SLURM_JOB_ID": "7", "SLURM_CPUS_PER_TASK": "many"}, []),
    ],
)  # fmt: skip
def test_a_job_uses_the_cores_that_slurm_grants_to_its_task(variables, number, monkeypatch):
    assert cores.granted(variables) == number
    for name in [n for n in os.environ if n.startswith("SLURM_")]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cores.cores() <= (number or [10**6])[0]


@pytest.mark.parametrize(
    ("asked", "processes", "number"),
    [
        ("", 1, 64),
        ("", 16, 4),
        ("", 100, 1),
        ("1", 1, 1),
        ("8", 16, 4),
        ("200", 1, 64),
        ("0", 1, 64),
        ("4,2", 1, 64),
    ],
)
def test_a_process_has_no_more_threads_than_the_user_asks_for(
    asked, processes, number, container, monkeypatch
):
    monkeypatch.setattr(cores, "MEMBERSHIP", cores.CGROUPS / "absent")
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert cores.threads(processes) == number
