"""A minibatch of an evaluation -> the row of each image in its data set."""

from bisect import bisect_right
from typing import Any

import torch
from avalanche.benchmarks.utils import AvalancheDataset
from avalanche.benchmarks.utils.data_loader import SingleDatasetDataLoader
from avalanche.benchmarks.utils.flat_data import FlatData
from torch import Tensor
from torch.utils.data import ConcatDataset, Subset


class RowCounter:
    """Counts the images of an evaluation, in the experience and in the stream.

    A row is the index in the innermost data set, below Avalanche's views and torch's subsets. If the loader
    shuffles, the row is unknown: the position in the evaluation replaces it.
    """

    def __init__(self) -> None:
        self._in_stream = 0
        self._in_experience = 0

    def start_stream(self) -> None:
        self._in_stream = 0

    def start_experience(self) -> None:
        self._in_experience = 0

    def take(self, strategy: Any, count: int) -> Tensor:
        """The rows of the next `count` images, (count,) int64."""
        stream, experience = self._in_stream, self._in_experience
        self._in_stream += count
        self._in_experience += count
        if not _in_order(strategy.dataloader):
            return torch.arange(stream, stream + count)
        places = range(experience, experience + count)
        return torch.tensor([row(strategy.adapted_dataset, k) for k in places])


def row(data: Any, place: int) -> int:
    """The row, in the innermost data set, of the example at that place in `data`."""
    while True:
        if isinstance(data, AvalancheDataset):
            data = data._flat_data
        elif isinstance(data, FlatData):
            part, place = data._get_idx(place)
            data = data._datasets[part]
        elif isinstance(data, Subset):
            data, place = data.dataset, int(data.indices[place])
        elif isinstance(data, ConcatDataset):
            part = bisect_right(data.cumulative_sizes, place)
            place -= data.cumulative_sizes[part - 1] if part else 0
            data = data.datasets[part]
        else:
            return place


def _in_order(loader: Any) -> bool:
    """Whether a strategy's evaluation loader gives its data set's examples in their order."""
    return (
        isinstance(loader, SingleDatasetDataLoader)
        and not loader.loader_kwargs.get("shuffle")
        and not loader.distributed_sampling
    )
