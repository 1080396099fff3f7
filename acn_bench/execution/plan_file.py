"""The runs of a plan <-> a small file in their folder, from which `status` knows what waits."""

import hashlib
from collections.abc import Sequence

import msgspec

from acn_bench import run_folder
from acn_bench.run_folder import RunFolder


class PlannedFile(msgspec.Struct, frozen=True):
    """A run of a plan: how its files begin, what people call it, and about how long it takes in one worker."""

    run_id: str
    stem: str
    name: str
    seconds: float


def write(folder: RunFolder, runs: Sequence[PlannedFile]) -> None:
    """Write the plan, once however often it is run: its file is named by its runs, not by their seconds."""
    stems = "\n".join(run.stem for run in runs)
    path = folder.plans / f"{hashlib.sha256(stems.encode()).hexdigest()[:8]}.json"
    with run_folder.atomic(path) as part:
        part.write_bytes(msgspec.json.encode(list(runs)))


def read(folder: RunFolder) -> list[PlannedFile]:
    """The runs of all plans, each once, as the plan that was run last has it. Damaged files are passed over."""
    files = [path for path in folder.plans.glob("*.json") if path.is_file()]
    runs: dict[str, PlannedFile] = {}
    for path in sorted(files, key=lambda p: (p.stat().st_mtime_ns, p.name)):
        try:
            planned = msgspec.json.decode(path.read_bytes(), type=list[PlannedFile])
        except (OSError, ValueError):
            continue
        runs |= {run.run_id: run for run in planned}
    return list(runs.values())
