"""Files of plain text, a paragraph a line, or text made by rule -> a corpus that is read as a stream."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

from acn_bench.data import rules
from acn_bench.data.data_set import Counts
from acn_bench.data.manifest import FOLDER, ManifestStore, fingerprint
from acn_bench.errors import MissingData
from acn_bench.registry import DATA
from acn_bench.spec import Inputs

TRAIN, VALID = "_train.txt", "_valid.txt"

Paragraphs = Callable[[], Iterator[str]]  # a fresh pass; an empty paragraph ends a document


@dataclass(frozen=True, eq=False)
class Corpus:
    """Text to train on and text to test on; it meets `DataSet`. Nothing of it need fit into memory."""

    inputs: ClassVar[Inputs] = "text"
    image_shape: ClassVar[None] = None
    origin_known: ClassVar[bool] = False  # any text
    canonical: ClassVar[bool] = False
    class_names: ClassVar[tuple[str, ...]] = ()

    name: str
    train: Paragraphs
    test: Paragraphs
    counts: Counts  # paragraphs
    fingerprint: str
    caches: tuple[Path, ...] = ()  # folders for its token cache, the best first; none: never stored


@lru_cache
def load(name: str, root: Path) -> Corpus:
    """The text below `<root>/text`: every `<name>_train.txt`, and the `<name>_valid.txt` of each.

    Raises LookupError where there is none, ValueError for a file that is empty or not UTF-8.
    """
    folder = root / "text"
    train = sorted(path.name for path in folder.glob(f"*{TRAIN}")) if folder.is_dir() else []
    if not train:
        embedded = DATA.load(name).embedded
        raise MissingData(
            f"there is no text at {folder}: put books{TRAIN} and books{VALID} there (any name before the _), a paragraph "
            f"a line, an empty line between documents, or use the embedded {embedded} in its place",
            embedded,
        )
    valid = [file.removesuffix(TRAIN) + VALID for file in train]
    missing = next((file for file in valid if not (folder / file).is_file()), None)
    if missing is not None:
        raise LookupError(
            f"{folder / missing} is missing: the text to test on, beside the one to train on"
        )
    splits = [partial(_paragraphs, folder, files) for files in (train, valid)]
    return Corpus(
        name=name,
        train=splits[0],
        test=splits[1],
        counts=Counts(*(_count(folder, files) for files in (train, valid))),
        fingerprint=fingerprint(ManifestStore(name, root, folder).update([*train, *valid])),
        caches=token_folders(root),
    )


@lru_cache
def load_rules(name: str, _: Path) -> Corpus:
    """`rules_text`; no folder is read."""
    train, test = (rules.paragraphs(split) for split in ("train", "test"))
    digest = sha256("\n".join([*train, "", *test]).encode()).hexdigest()
    return Corpus(
        name=name,
        train=lambda: iter(train),
        test=lambda: iter(test),
        counts=Counts(len(train), len(test)),
        fingerprint=digest[:12],
    )


def token_folders(root: Path) -> tuple[Path, ...]:
    """Where the tokens of data below `root` may be stored, the best place first."""
    return root / FOLDER / "tokens", Path("~/.cache/acn_bench/tokens").expanduser()


def _paragraphs(folder: Path, files: list[str]) -> Iterator[str]:
    """The lines of the files, one file after the other, and an empty line between two files."""
    for file in files:
        with (folder / file).open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                except UnicodeDecodeError:
                    raise ValueError(f"{folder / file}, line {number}: it is not UTF-8") from None
        yield ""


def _count(folder: Path, files: list[str]) -> int:
    """Paragraphs that are not empty. Raises ValueError where there are none."""
    count = 0
    for file in files:
        with (folder / file).open("rb") as lines:
            count += sum(not line.isspace() for line in lines)
    if not count:
        raise ValueError(f"{folder / files[0]} is empty: it holds no paragraph")
    return count
