"""The sizes of an original data set -> a data set without examples, for a plan on paper."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from acn_bench.data.data_set import Counts, ImageShape
from acn_bench.data.sets.info import DataSetInfo
from acn_bench.spec import Inputs


@dataclass(frozen=True)
class PaperData:
    """It meets `DataSet` and `split.Labelled`; all classes are equally large, to within one row."""

    inputs: ClassVar[Inputs] = "image"
    canonical: ClassVar[bool] = True
    origin_known: ClassVar[bool] = True
    fingerprint: ClassVar[str] = "0" * 12  # no run has it

    name: str
    counts: Counts
    class_names: tuple[str, ...]
    image_shape: ImageShape | None

    @cached_property
    def train_labels(self) -> Tensor:
        """(N,) int64, 0 … K-1."""
        return torch.arange(self.counts.train) % len(self.class_names)

    @cached_property
    def test_labels(self) -> Tensor:
        """(M,) int64, 0 … K-1."""
        return torch.arange(self.counts.test) % len(self.class_names)


def paper_data(info: DataSetInfo) -> PaperData | None:
    """The original set without its examples; None where its sizes are not known."""
    original = info.original
    if original is None:
        return None
    names = tuple(map(str, range(original.classes)))
    return PaperData(info.name, Counts(original.train, original.test), names, original.shape)
