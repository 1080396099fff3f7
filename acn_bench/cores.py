"""How many processor cores this process may use: its affinity, the quota of a container, and its share of a job."""

import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def cores() -> int:
    """Cores by affinity, at most the quota of this process's cgroups, rounded up, and what Slurm grants; at least 1."""
    affine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    limits = [math.ceil(quota) for quota in quotas(CGROUPS, MEMBERSHIP)]
    return max(1, min([affine or 1, *limits, *granted(os.environ)]))


def granted(environment: Mapping[str, str]) -> list[int]:
    """The cores that Slurm grants to one task: some clusters bind no process to its cores. Empty outside a job."""

    def number(name: str) -> int:
        match = re.match(
            r"[1-9]\d{0,5}", environment.get(name, "")
        )  # "2(x3)": two tasks on each of three nodes
        return int(match[0]) if match else 0

    if not environment.get("SLURM_JOB_ID"):
        return []
    if of_task := number("SLURM_CPUS_PER_TASK"):
        return [of_task]
    on_node, tasks = number("SLURM_CPUS_ON_NODE"), number("SLURM_STEP_TASKS_PER_NODE") or 1
    return [max(1, on_node // tasks)] if on_node else []


def process_share() -> int:
    """The threads of this process: its share of the cores where a launcher started several; at least 1.

    torchrun and accelerate set LOCAL_WORLD_SIZE, the number of processes on this machine.
    """
    processes = os.environ.get("LOCAL_WORLD_SIZE", "")
    return share(int(processes)) if processes.isdecimal() else cores()


def share(processes: int) -> int:
    """The cores of each of `processes` at a time; at least 1."""
    return max(1, cores() // max(1, processes))


def threads(processes: int) -> int:
    """The threads of each of `processes` at a time: their share of the cores, at most OMP_NUM_THREADS."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    most = int(asked) if re.fullmatch(r"[1-9]\d{0,5}", asked) else cores()
    return min(share(processes), most)


def quotas(cgroups: Path, membership: Path) -> list[float]:
    """The quotas, in cores, of this process's cgroups and of those above them, in versions 1 and 2.

    A container may see the host's name of its own cgroup, which then lies at the root: missing folders are
    skipped.
    """
    found = []
    with suppress(OSError):
        for line in membership.read_text().splitlines():
            _, controllers, name = line.split(":", 2)
            for root in _roots(cgroups, controllers):
                found += [quota for folder in _upwards(root, name) for quota in _quota(folder)]
    return found


def _roots(cgroups: Path, controllers: str) -> list[Path]:
    """Where the hierarchy is mounted, if it counts processor time."""
    if not controllers:  # version 2, alone or beside version 1
        return [cgroups, cgroups / "unified"]
    return [cgroups / "cpu", cgroups / controllers] if "cpu" in controllers.split(",") else []


def _upwards(root: Path, name: str) -> list[Path]:
    parts = PurePosixPath(name).parts[1:]
    parts = () if ".." in parts else parts  # above what this namespace sees
    return [root.joinpath(*parts[:k]) for k in range(len(parts), -1, -1)]


def _quota(folder: Path) -> Iterator[float]:
    """The folder's quota in cores; nothing where it has none."""
    with suppress(OSError, ValueError, ZeroDivisionError):
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()  # "max 100000": a ValueError
        else:
            quota, period = (
                (folder / f"cpu.cfs_{word}_us").read_text() for word in ("quota", "period")
            )
        if int(quota) > 0:  # -1: no quota
            yield int(quota) / int(period)
