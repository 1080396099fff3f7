"""Rows and their classes -> the stream of experiences that Avalanche trains on."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import torch
from avalanche.benchmarks import nc_benchmark
from avalanche.benchmarks.utils.utils import concat_datasets
from torch import Tensor
from torch.utils.data import Dataset

from acn_bench.strategies.seeding import preserved_generators


class NumberedRows(Dataset[tuple[int, int]]):
    """Row numbers and their labels: the data set that Avalanche handles in place of images."""

    def __init__(self, rows: Tensor, labels: Tensor) -> None:
        self.rows: list[int] = rows.tolist()
        self.targets: list[int] = labels.tolist()

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[int, int]:
        return self.rows[index], self.targets[index]


def class_stream(
    train: NumberedRows, test: NumberedRows, *, experiences: int, task_incremental: bool
) -> Any:
    """An Avalanche benchmark of new classes, in the order of their labels 0 … K-1.

    K is divided evenly over the experiences. Task-incremental experiences have task labels, and class ids
    start from 0 in each.
    """
    # nc_benchmark is what Avalanche's own Split benchmarks use, and all its strategies support it;
    # it draws from the global generator, which would change the initial weights.
    with preserved_generators():
        return nc_benchmark(
            train,
            test,
            n_experiences=experiences,
            task_labels=task_incremental,
            shuffle=False,
            class_ids_from_zero_in_each_exp=task_incremental,
        )


class Examples:
    """The training examples of a stream by row number, to restore a memory from its rows."""

    def __init__(self, experiences: Iterable[Any]) -> None:
        self.datasets = [experience.dataset for experience in experiences]

    def first(self, experiences: int) -> Any:
        """All examples of the first `experiences` experiences, concatenated."""
        return concat_datasets(self.datasets[:experiences])

    def of(self, rows: Tensor) -> Any:
        """The examples of these rows (N,), in this order."""
        return self._all.subset([self._index[row] for row in rows.tolist()])

    @cached_property
    def _all(self) -> Any:
        return concat_datasets(self.datasets)

    @cached_property
    def _index(self) -> dict[int, int]:
        return {row: k for k, row in enumerate(rows(self._all).tolist())}


def rows(dataset: Any) -> Tensor:
    """The row numbers of a dataset's examples, (N,)."""
    return torch.tensor([int(dataset[k][0]) for k in range(len(dataset))], dtype=torch.int64)
