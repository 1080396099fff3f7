"""A task's training rows and a seed -> the rows to train on and those to hold out."""

from dataclasses import dataclass

import torch
from torch import Tensor

from acn_bench.data.counter import bits
from acn_bench.data.texts import TextData


@dataclass(frozen=True)
class TextSplitRows:
    """Rows of the training set, sorted."""

    train: Tensor  # (N,) int64
    validation: Tensor  # (V,)


def split(data: TextData, share: float, seed: int, most: int | None = None) -> TextSplitRows:
    """Hold out a share of the rows of each class; of a regression, of all rows. Train on `most` of the others.

    Raises ValueError where a class has too few.
    """
    labels = data.train.labels
    every = torch.arange(len(labels))
    parts = [every] if data.task.is_regression else [every[labels == k] for k in labels.unique()]
    train, held = [], []
    for rows in parts:
        count = round(share * len(rows))
        if not 0 < count < len(rows):
            raise ValueError(
                f"{data.name} has {len(rows)} training texts of a class: too few to hold out {share:.0%}"
            )
        ranked = rows[bits("held out", seed, rows).argsort()]
        held.append(ranked[:count])
        train.append(ranked[count:])
    left = torch.cat(train)
    drawn = left[bits("trained on", seed, left).argsort()[:most]]
    return TextSplitRows(drawn.sort().values, torch.cat(held).sort().values)
