"""Records as files: save, find, load; the newest of those of one run, which no clock decides."""

import gc
import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from acn_bench.parsing import file_bytes
from acn_bench.record import SCHEMA, Record, RunRecord, decode, encode
from acn_bench.run_folder import atomic
from acn_bench.two_processes import MANY, mapped

# what follows `stem` in the names of a run's files: which of its records, and the token of a lease's owner
NUMBER = r"(\.(?P<number>\d+))?(\.t(?P<token>[0-9a-f]{8}))?"

__all__ = [
    "SCHEMA",
    "Record",
    "RunRecord",
    "find",
    "free_path",
    "load",
    "load_all",
    "newest",
    "no_collection",
    "save",
    "stem",
]


def stem(run_id: str, code: str) -> str:
    """The file name that a run's record, examples and weights share, without its ending."""
    return f"{run_id}-{code[:8]}"


def save(record: Record, folder: Path, path: Path | None = None) -> Path:
    """Write `record` to `folder`, whole or not at all. A second record of the same run gets a number.

    `path` is as from `free_path`. Raises ValueError where a number is not finite: JSON has no NaN, and null means "not measured".
    """
    text = encode(record)
    name = stem(record.run_id, record.provenance.code)
    path = path or free_path(folder, name)
    with atomic(path) as part:
        part.write_bytes(text)
    return path


def free_path(folder: Path, name: str, token: str = "") -> Path:
    """`<name>.json`, or `<name>.2.json` and so on where records of the same run lie there already.

    A token makes it the path of one writer, whatever others write at the same time: `<name>.t<token>.json`.
    """
    number = 1 + max(map(_number, of_run(folder, name)), default=0)
    words = [
        name,
        *([str(number)] if number > 1 else []),
        *([f"t{token}"] if token else []),
        "json",
    ]
    return folder / ".".join(words)


def of_run(folder: Path, name: str, ending: str = ".json") -> list[Path]:
    """The files of the records of one run in the folder, in their order; `name` as from `stem`."""
    pattern = re.compile(re.escape(name) + NUMBER + re.escape(ending))
    # a plan asks this of each of its runs, so no Path for each file
    files = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208
    found = [folder / f for f in files if f.startswith(name) and pattern.fullmatch(f)]
    return sorted(found, key=_in_order)


def without_token(path: Path) -> str:
    """The file's name without its ending: which record of which run it is, whoever wrote it."""
    return re.sub(r"\.t[0-9a-f]{8}$", "", path.stem)


def _number(path: Path) -> int:
    """Which of its run's records a file is."""
    match = re.search(NUMBER + r"\.\w+$", path.name)
    return int(match["number"] or 1) if match else 1


def load(path: Path) -> Record:
    """Read one record. Raises ValueError that names the file where it is no record of this schema, or no file."""
    return decode(file_bytes(path), str(path))


def find(paths: list[Path]) -> list[Path]:
    """The record files below the paths (folders, .json files, .jsonl files), each once, sorted.

    Pipes, devices and folders with a record's name are passed over. Raises LookupError for a path that is not there.
    """
    files: set[Path] = set()
    for path in paths:
        if path.is_dir():
            named = {p for p in path.rglob("records/*.json") if not p.name.startswith(".")}
            named |= {*path.glob("*.json"), *path.rglob("records.jsonl")}
            files |= {p for p in named if p.is_file()}
        elif path.exists():
            files.add(path)
        else:
            raise LookupError(f"there is no file or folder at {path}")
    return sorted(files, key=_in_order)


def _in_order(path: Path) -> tuple[Path, int, int, str]:
    """Of the records of one run, `free_path`'s numbers in order."""
    return path.parent, _number(path), len(path.name), path.name


def load_all(paths: list[Path], *, older: bool = False) -> list[Record]:
    """Every record below the paths; of several of the same run and code, the newest.

    With `older`, those that were made again, too, the newest last. The newest is the one of the highest number in
    its file's name, or the last line of its file. Between machines that made the same run nothing is known but
    their clocks, which may differ: a digest of the record decides, wherever it lies.
    """
    by_run: dict[tuple[str, str], list[tuple[int, Record]]] = {}
    with no_collection():
        for number, record in _all_numbered(find(paths)):
            by_run.setdefault((record.run_id, record.provenance.code), []).append((number, record))
    in_order = [_in_order_made(by_run[key]) for key in sorted(by_run)]
    return [record for made in in_order for record in (made if older else made[-1:])]


def _all_numbered(files: list[Path]) -> list[tuple[int, Record]]:
    """`_numbered` of all files; many are read in two processes."""

    def numbered(some: list[Path]) -> list[tuple[int, Record]]:
        return [one for path in some for one in _numbered(path)]

    size = 8 + len(files) // 1000
    parts = [files[k : k + size] for k in range(0, len(files), size)]
    read = mapped(numbered, parts, worthwhile=len(files) >= MANY)
    return [one for part in read for one in part]


def _numbered(path: Path) -> Iterator[tuple[int, Record]]:
    """Each record of a file, and which of its run's records it is."""
    if path.suffix != ".jsonl":
        yield _number(path), load(path)
        return
    counts: Counter[tuple[str, str]] = Counter()
    for record in _load_lines(path):
        key = record.run_id, record.provenance.code
        counts[key] += 1
        yield counts[key], record


def _in_order_made(made: list[tuple[int, Record]]) -> list[Record]:
    """The records of one run, the newest last."""
    if len(made) > 1:
        made = sorted(made, key=lambda m: (m[0], hashlib.sha256(encode(m[1])).digest()))
    return [record for _, record in made]


@contextmanager
def no_collection() -> Iterator[None]:
    """Suspend the garbage collector. Of 1,000 records it visits a million lists, none of them garbage."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _load_lines(path: Path) -> list[Record]:
    lines = enumerate(file_bytes(path).splitlines(), start=1)
    return [decode(line, f"{path}, line {number},") for number, line in lines if line.strip()]


def newest(folder: Path, run_id: str, code: str) -> Record | None:
    """The newest record of a run in `folder`, made by this code; None where there is none."""
    paths = of_run(folder, stem(run_id, code))
    made = _in_order_made([(_number(path), load(path)) for path in paths])
    return made[-1] if made else None
