"""One case of damaged input: a command, and what it must leave as it is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from samples import Samples


@dataclass(frozen=True)
class Case:
    """A command, and what it must leave as it is."""

    words: list[str]
    kept: tuple[Path, ...] = ()  # files and folders
    before: Callable[[], object] = lambda: None  # in the command's process


Make = Callable[[Random, Path, Samples], Case]


def plan(card: Path, folder: Path, words: list[str]) -> list[str]:
    """The words of a dry run of a benchmark card."""
    return ["run", str(card), "--out", str(folder / "out"), "--dry-run", *words]
