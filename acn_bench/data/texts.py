"""A whole data set of labelled texts, one sentence or two each, in memory."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from torch import Tensor

from acn_bench.data import loading
from acn_bench.data.data_set import Counts
from acn_bench.data.glue.tasks import GlueTask
from acn_bench.spec import Inputs


@dataclass(frozen=True, eq=False)
class TextSplit:
    """N texts with their labels."""

    texts: tuple[list[str], ...]  # one list of N, or two: first and second sentence
    labels: Tensor  # (N,) int64 classes, or float32 numbers

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class TextData:
    """The splits of a task; it meets `DataSet`. Everyone who loads it shares the lists: never write to them."""

    inputs: ClassVar[Inputs] = "text"
    image_shape: ClassVar[None] = None
    origin_known: ClassVar[bool] = True

    name: str
    task: GlueTask
    train: TextSplit
    tests: Mapping[str, TextSplit]  # by development set
    canonical: bool
    fingerprint: str  # `content_hash` of all splits
    left_out: tuple[str, ...] = ()  # file and line of incomplete rows
    caches: tuple[Path, ...] = ()  # folders for its token cache, the best first; none: never stored

    @property
    def counts(self) -> Counts:
        """The number of training texts, and of texts in all development sets."""
        return Counts(len(self.train), sum(map(len, self.tests.values())))

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes; empty for a regression."""
        return self.task.class_names


def load(name: str, root: Path | None = None) -> TextData:
    """The texts of that name. Raises as `loading.load`, and ValueError for other data."""
    data = loading.load(name, root)
    if not isinstance(data, TextData):
        raise ValueError(f"{name} is not a data set of labelled texts")
    return data


def content_hash(splits: Mapping[str, TextSplit]) -> str:
    """12 hex digits of the hash of names, texts and labels."""
    digest = hashlib.sha256()
    for name, split in splits.items():
        digest.update(f"{name} {len(split.texts)} {split.labels.dtype} {len(split)}\0".encode())
        for column in split.texts:
            digest.update("\0".join(column).encode())
        digest.update(split.labels.numpy().tobytes())
    return digest.hexdigest()[:12]
