"""A command in a child forked from this process, which has imported everything and run nothing.

It starts 20 times faster than a new process, and is the command that users start: `acn_bench.__main__.main`.
"""

import os
import resource
import select
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import file_operations

ROOM = 2**30  # bytes that a command may take beside what was imported
CPU_SECONDS = 20
SECONDS = 90.0  # a busy machine is slow; what waits for a pipe waits longer
_OF_LIBRARIES = (f"{tempfile.gettempdir()}/pymp-", f"{os.devnull}/", "/proc/self/clear_refs/")


@dataclass(frozen=True)
class Outcome:
    """The end of a command."""

    code: int | None  # exit code; below 0 the signal that ended it; None: it ran into the limit
    output: str
    errors: str
    outside: tuple[str, ...]  # files that it was about to change outside its folders
    seconds: float  # of CPU, its workers included


def command(
    words: list[str],
    folder: Path,
    allowed: tuple[Path, ...],
    before: Callable[[], object] = lambda: None,
    seconds: float = SECONDS,
) -> Outcome:
    """Run `acn-bench <words>` in a process group of its own, which has ended when this returns.

    `folder` takes its output; below `allowed` it may change files; `before` is called in the child.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / name for name in ("stdout", "stderr", "outside")]
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _become(words, files, (folder, *allowed), before)
    code, cpu = _end(child, seconds)
    texts = [path.read_text(errors="backslashreplace") if path.exists() else "" for path in files]
    return Outcome(code, texts[0], texts[1], tuple(texts[2].splitlines()), cpu)


def _end(child: int, seconds: float) -> tuple[int | None, float]:
    """Wait for the child, then end what is left of its group: (exit code, CPU seconds)."""
    descriptor = os.pidfd_open(child)
    try:
        ended, _, _ = select.select([descriptor], [], [], seconds)
    finally:
        os.close(descriptor)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    code = os.waitstatus_to_exitcode(status)
    late = not ended or code == -signal.SIGXCPU
    return None if late else code, usage.ru_utime + usage.ru_stime


def _become(
    words: list[str], files: list[Path], allowed: tuple[Path, ...], before: Callable[[], object]
) -> NoReturn:
    """Be the command, to its end."""
    code = 1
    try:
        os.setpgid(0, 0)
        _redirect(files)
        resource.setrlimit(resource.RLIMIT_DATA, (_data() + ROOM,) * 2)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _note_changes_outside(files[2], allowed)
        before()
        code = _main(words)
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _main(words: list[str]) -> int:
    from acn_bench import __main__

    sys.argv = ["acn-bench", *words]
    try:
        __main__.main()
    except SystemExit as e:
        return e.code if isinstance(e.code, int) else 0 if e.code is None else 1
    return 0


def _redirect(files: list[Path]) -> None:
    streams = [os.open(os.devnull, os.O_RDONLY)]
    streams += [os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600) for path in files[:2]]
    for target, stream in enumerate(streams):
        os.dup2(stream, target)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - what a test had put there
    sys.stdout = open(1, "w", closefd=False, encoding="utf-8")  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115


def _data() -> int:
    """Bytes of data that this process has."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    raise LookupError("/proc/self/status has no VmData")


def _note_changes_outside(file: Path, allowed: tuple[Path, ...]) -> None:
    # beside them: what multiprocessing and the measurement of memory need
    inside = (*(f"{path}/" for path in (*allowed, os.environ["HOME"])), *_OF_LIBRARIES)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(path: str) -> None:
        if not f"{path}/".startswith(inside):
            os.write(descriptor, f"{path!r}\n".encode())

    file_operations.watch(note)
