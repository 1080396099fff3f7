"""The tasks of a stream -> one data set of labelled texts, whose experiences are the tasks."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from acn_bench.benchmarks.glue_stream.spec import CLASSES, GlueStreamConfig
from acn_bench.data.counter import bits
from acn_bench.data.data_set import Counts
from acn_bench.data.split import most_frequent
from acn_bench.data.texts import TextData

LEFT_OUT = -1  # the label of a training row that no class takes


class TextStream:
    """It meets `continual.split.StreamData`. Rows are those of the tasks, one after the other."""

    origin_known = False
    task_labels = True
    shared = False
    image_shape: ClassVar[None] = None

    def __init__(self, config: GlueStreamConfig, parts: Sequence[TextData]) -> None:
        protocol = config.benchmark
        self.parts = tuple(parts)
        self.name = ", ".join(part.name for part in parts)
        tasks = torch.arange(len(parts))
        if protocol.class_order != "natural":
            tasks = bits("task order", config.seeds.order, tasks).argsort()
        self.experiences = tuple(
            tuple(range(CLASSES * t, CLASSES * (t + 1))) for t in tasks.tolist()
        )
        self.class_names = tuple(f"{p.name}/{name}" for p in parts for name in p.class_names)
        limited = [_limited(part.train.labels, protocol.class_rows) for part in parts]
        self.train_labels = _numbered(limited)
        self.test_labels = _numbered(
            [test.labels for part in parts for test in part.tests.values()]
        )

    @property
    def counts(self) -> Counts:
        """The number of training texts that are not left out, and of test texts."""
        return Counts(int((self.train_labels != LEFT_OUT).sum()), len(self.test_labels))

    @property
    def most_frequent(self) -> list[float]:
        """The share of the most frequent class among the test texts of each task."""
        sets = [test.labels for part in self.parts for test in part.tests.values()]
        return [most_frequent(labels) for labels in sets]


def _limited(labels: Tensor, most: int | None) -> Tensor:
    """Labels (N,) with those of all but `most` rows of each class left out; the same rows in every run."""
    if most is None:
        return labels
    kept = torch.full_like(labels, LEFT_OUT)
    for label in labels.unique():
        rows = (labels == label).nonzero().squeeze(1)
        chosen = rows[bits("rows of a class", rows).argsort()[:most]]
        kept[chosen] = label
    return kept


def _numbered(labels: Sequence[Tensor]) -> Tensor:
    """Labels of each task -> classes over all tasks."""
    parts = [torch.where(own == LEFT_OUT, own, own + CLASSES * t) for t, own in enumerate(labels)]
    return torch.cat(parts)
