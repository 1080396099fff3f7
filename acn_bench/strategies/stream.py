"""Rows and classes -> the stream of experiences that Avalanche trains on."""

from typing import Any

from avalanche.benchmarks import nc_benchmark
from torch import Tensor
from torch.utils.data import Dataset

from acn_bench.strategies.chance import generators_kept


class NumberedRows(Dataset[tuple[int, int]]):
    """Row numbers and their labels: all that moves through Avalanche."""

    def __init__(self, rows: Tensor, labels: Tensor) -> None:
        self.rows: list[int] = rows.tolist()
        self.targets: list[int] = labels.tolist()

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[int, int]:
        return self.rows[index], self.targets[index]


def class_stream(
    train: NumberedRows, test: NumberedRows, *, experiences: int, own_heads: bool
) -> Any:
    """An Avalanche benchmark of new classes, in the order of their labels 0 … K-1.

    K is divided evenly over the experiences. With heads of their own, experiences carry task labels,
    and class ids count from 0 in each.
    """
    # nc_benchmark is what Avalanche's own Split benchmarks use, and what all its strategies run with;
    # it draws from the global generator, which must not reach the weights.
    with generators_kept():
        return nc_benchmark(
            train,
            test,
            n_experiences=experiences,
            task_labels=own_heads,
            shuffle=False,
            class_ids_from_zero_in_each_exp=own_heads,
        )
