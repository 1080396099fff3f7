"""A data set and a seed -> the rows to train on, to hold out and to test on."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from acn_bench.data.counter import bits
from acn_bench.data.images import ImageData


class Labelled(Protocol):
    """A data set whose labels are known, whether its images are in memory or in files."""

    @property
    def name(self) -> str: ...
    @property
    def class_names(self) -> tuple[str, ...]: ...
    @property
    def origin_known(self) -> bool: ...
    @property
    def train_labels(self) -> Tensor:
        """(N,) int64, 0 … K-1."""

    @property
    def test_labels(self) -> Tensor:
        """(M,) int64, 0 … K-1."""


@dataclass(frozen=True)
class Split:
    """Row numbers of each experience; test rows count from 0 in the test set."""

    classes: list[list[int]]  # original ids, by experience
    train: list[Tensor]  # rows (N_e,)
    validation: list[Tensor]  # held-out training rows (V_e,)
    test: list[Tensor]  # rows of the test set (M_e,)
    position: (
        Tensor  # (all classes,): index in the order of arrival; -1 for a class that never arrives
    )

    def label(self, classes: Tensor, *, task_incremental: bool) -> Tensor:
        """Original class ids -> the targets of the head, numbered in each experience or over the stream."""
        position = self.position[classes]
        return position % len(self.classes[0]) if task_incremental else position


def whole(data: ImageData, share: float, seed: int) -> Split:
    """One experience with all classes in numerical order; a share of each class's rows is held out.

    Raises ValueError where a class has no rows to spare, or no other class beside it.
    """
    classes = range(len(data.class_names))
    if len(classes) < 2:
        raise ValueError(f"{data.name} has one class: there is no other to tell it from")
    train, held_out = zip(*(hold_out(data, c, share, seed) for c in classes), strict=True)
    return Split(
        [list(classes)],
        [torch.cat(train)],
        [torch.cat(held_out)],
        [torch.arange(len(data.test_labels))],
        torch.arange(len(classes)),
    )


def rows_by_class(labels: Tensor, classes: int) -> tuple[Tensor, ...]:
    """Labels (N,), 0 … K-1 -> the rows of each class, sorted; in one pass, however many classes there are."""
    counts: list[int] = labels.bincount(minlength=classes).tolist()
    of_class: tuple[Tensor, ...] = labels.argsort(stable=True).split(counts)
    return of_class


def most_frequent(labels: Tensor) -> float:
    """Labels (N,), 0 … K-1 -> the share of the most frequent class: what a network that answers it alone reaches."""
    counts = labels.cpu().bincount()  # on a GPU it is not deterministic
    return round(int(counts.max()) / len(labels), 9)


def hold_out(
    data: Labelled, label: int, share: float, seed: int, rows: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The rows of a class to train on, (N,), and its held-out rows, (V,); both sorted.

    `rows` are all training rows of the class, sorted, where they are known.
    """
    if rows is None:
        rows = (data.train_labels == label).nonzero().squeeze(1)
    held = round(share * len(rows))
    if held == 0 or held == len(rows):
        raise ValueError(
            f"class {class_word(data, label)} of {data.name} has {len(rows)} training images: too few to hold out "
            f"{share:.0%}"
        )
    ranked = rows[bits("held out", seed, rows).argsort()]
    return ranked[held:].sort().values, ranked[:held].sort().values


def class_word(data: Labelled, label: int) -> str:
    """A class as its data set numbers it: a user's stream may leave numbers out."""
    return str(label) if data.origin_known else data.class_names[label]
