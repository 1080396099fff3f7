"""The protocol of a loaded data set: what plans, records and provenance need to know of any of them.

In-memory images meet it (`data.images.ImageData`); so can a folder of images or a table of texts. Code that
serves every kind of benchmark uses nothing else of a data set. `data.sets.info.DataSetInfo` holds the facts that
are known before one is loaded.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from acn_bench.spec import Inputs

ImageShape = tuple[int, int, int]  # (C, H, W)
NOUNS: dict[Inputs, str] = {"image": "images", "text": "texts"}


class Counts(NamedTuple):
    """The number of examples in each split."""

    train: int
    test: int


class DataSet(Protocol):
    """A loaded data set; its examples need not be in memory."""

    @property
    def name(self) -> str:
        """Its name in the registry, or `pkg.module:function`."""

    @property
    def fingerprint(self) -> str:
        """12 hex digits: another content has another fingerprint, another place or date has not."""

    @property
    def canonical(self) -> bool:
        """Whether these are the full original files, so that published figures compare."""

    @property
    def origin_known(self) -> bool:
        """Whether it is known which published data set this is; if not, `canonical` is False."""

    @property
    def counts(self) -> Counts:
        """The number of training and of test examples."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, (K,); empty where the labels are numbers, as in a regression."""

    @property
    def inputs(self) -> Inputs:
        """The kind of its examples."""

    @property
    def image_shape(self) -> ImageShape | None:
        """(C, H, W) where every image has this shape; None for texts and for images of several sizes."""


def describe_counts(data: DataSet) -> str:
    """In words: "50,000 training and 10,000 test images"."""
    train, test = data.counts
    return f"{train:,} training and {test:,} test {NOUNS[data.inputs]}"


def joint_fingerprint(data: Sequence[DataSet]) -> str:
    """The fingerprints of a run's data sets, in the protocol's order, joined by "+"."""
    return "+".join(one.fingerprint for one in data)
