"""A folder of GLUE's release, as it is -> `TextData`.

The files are tab-separated without quoting. Some begin with a byte-order mark; CoLA has no header. A row that
does not fit is named with file and line.
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import torch

from acn_bench import parsing
from acn_bench.data.corpus import token_folders
from acn_bench.data.glue.tasks import TASKS, GlueTask
from acn_bench.data.texts import TextData, TextSplit, content_hash
from acn_bench.errors import MissingData, listed, message, shorten
from acn_bench.registry import DATA, closest

FOLDERS = ("glue", "GLUE", "glue_data", ".")  # below the data root, in this order
HIGHEST = 5.0  # of STS-B's similarity

Row = tuple[tuple[str, ...], float]  # texts, label


class _IncompleteError(ValueError):
    """A row lacks a column or a text."""


@lru_cache
def load(name: str, root: Path) -> TextData:
    """The task of that name from `<root>/glue/<folder>`.

    Raises LookupError where its files are absent, ValueError for a row that does not fit.
    """
    task = TASKS[name]
    folder = _folder(task, root)
    left_out: list[str] = []
    splits = {split: _read(task, folder, split, left_out) for split in ("train", *task.dev)}
    counts = {split: len(part) for split, part in splits.items()}
    return TextData(
        name=name,
        task=task,
        train=splits["train"],
        tests={split: splits[split] for split in task.dev},
        canonical=counts == {"train": task.train, **task.dev},
        fingerprint=content_hash(splits),
        left_out=tuple(left_out),
        caches=token_folders(root),
    )


def _folder(task: GlueTask, root: Path) -> Path:
    """The folder that holds all files of the task."""
    files = [task.file(split) for split in ("train", *task.dev)]
    candidates = [root / place / task.folder for place in FOLDERS]
    for folder in candidates:
        if all((folder / file).is_file() for file in files):
            return folder
    embedded = DATA.load(task.name).embedded
    raise MissingData(
        f"{task.title} is not at {candidates[0]}: copy the folder {task.folder} of GLUE's release there, with "
        f"{listed(files)}, or use the embedded {embedded} in its place",
        embedded,
    )


def _read(task: GlueTask, folder: Path, split: str, left_out: list[str]) -> TextSplit:
    """One file; rows that the release itself has incomplete are added to `left_out`, as many as it has at most."""
    path = folder / task.file(split)
    lines = _lines(path)
    header = task.columns or next(lines, "").split("\t")
    places = [_column(name, header, path) for name in (*task.texts, task.label)]
    rows = []
    for number, line in enumerate(lines, 1 if task.columns else 2):
        try:
            rows.append(_row(task, line.split("\t"), places))
        except _IncompleteError as e:
            left_out.append(f"{path.name}, line {number}")
            if len(left_out) > task.incomplete:
                raise ValueError(f"{path}, line {number}: {e}") from None
        except ValueError as e:
            raise ValueError(f"{path}, line {number}: {message(e)}") from None
    if not rows:
        raise ValueError(f"{path} holds no rows")
    kind = torch.float32 if task.is_regression else torch.int64
    columns = zip(*(texts for texts, _ in rows), strict=True)
    return TextSplit(
        tuple(map(list, columns)), torch.tensor([label for _, label in rows], dtype=kind)
    )


def _lines(path: Path) -> Iterator[str]:
    """The lines of a file; no other character than a line feed ends one."""
    try:
        text = parsing.file_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as e:
        line = e.object.count(b"\n", 0, e.start) + 1
        raise ValueError(f"{path}, line {line}: it is not UTF-8") from None
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return (line.removesuffix("\r") for line in lines)


def _column(name: str, header: list[str] | tuple[str, ...], path: Path) -> int:
    if name not in header:
        raise ValueError(f"{path} has no column {shorten(name)}. {closest(name, header)}")
    return list(header).index(name)


def _row(task: GlueTask, cells: list[str], places: list[int]) -> Row:
    if len(cells) <= max(places):
        raise _IncompleteError(
            f"it has {len(cells)} columns, and {task.title} needs {max(places) + 1}"
        )
    *texts, word = (cells[place] for place in places)
    empty = next((name for name, t in zip(task.texts, texts, strict=True) if not t.strip()), None)
    if empty is not None:
        raise _IncompleteError(f"the text of column {shorten(empty)} is empty")
    return tuple(texts), _number(word) if task.is_regression else _class(task, word)


def _class(task: GlueTask, word: str) -> int:
    if word not in task.labels:
        raise ValueError(f"unknown label {shorten(word)}. {closest(word, task.labels)}")
    return task.labels.index(word)


def _number(word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        raise ValueError(f"the label {shorten(word)} is no number") from None
    if not 0 <= value <= HIGHEST:
        raise ValueError(f"the label is {word}: it must lie from 0 to {HIGHEST:g}")
    return value
