"""A command that is killed with its workers at a chosen change of a file, and what it must leave."""

import hashlib
import json
import mmap
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import file_operations
import forked_workers
from forked import Outcome, command

Stop = Callable[[str, int], bool]  # takes a path and the number of the change, from 1
KILLED = -signal.SIGKILL


def run(
    words: list[str], folder: Path, out: Path, stop: Stop = lambda *_: False
) -> tuple[Outcome, int]:
    """Run a command and kill its process group before the first change below `out` that `stop` names.

    Returns the outcome and the number of changes that were begun, in all of its processes.
    """
    counter = mmap.mmap(-1, 8)  # shared with the workers

    def count(path: str) -> None:
        if f"{path}/".startswith(f"{out}/"):
            number = int.from_bytes(counter[:8], "little") + 1
            counter[:8] = number.to_bytes(8, "little")
            if stop(path, number):
                os.killpg(0, signal.SIGKILL)

    def prepare() -> None:
        file_operations.watch(count)
        forked_workers.prepare()

    outcome = command(words, folder, (out,), prepare)
    return outcome, int.from_bytes(counter[:8], "little")


def left(out: Path) -> dict[str, Any]:
    """File -> its content, of all files that no kill may change; a record without its times and memory."""
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return {
        str(path.relative_to(out)): _content(path)
        for path in files
        if path.parent.name not in ("locks", "failures", "checkpoints", "plans", "running")
        and path.name not in ("workers.log", "card.toml")
        and not path.name.endswith(".part")
    }


def _content(path: Path) -> Any:
    raw = path.read_bytes()
    if path.suffix != ".json":
        return hashlib.sha256(raw).hexdigest()
    content = json.loads(raw)
    content.pop("digest", None)
    content.pop("speed", None)  # of a truncated network
    if "result" in content:
        content["result"].pop("seconds")
        content["result"].pop("peak_memory")
        content["provenance"].pop("time")
    return content


def remains(out: Path) -> list[str]:
    """Half-written files and checkpoints."""
    return sorted(
        str(path.relative_to(out))
        for path in out.rglob("*")
        if path.name.endswith(".part") or (path.parent.name == "checkpoints" and path.is_file())
    )
