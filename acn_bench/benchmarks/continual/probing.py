"""A continual run's final backbone -> what linear probes of every depth have right, experience by experience."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from acn_bench.data.batches import Rows
from acn_bench.data.images import ImageData
from acn_bench.data.split import Split
from acn_bench.evaluation import correctness
from acn_bench.evaluation.probing import SLICE, depth_probes, right


@dataclass(frozen=True)
class Probed:
    """Right or not at every depth, (L+1, M_j) of bool for each experience j."""

    test: list[Tensor]
    validation: list[Tensor]

    @property
    def accuracy(self) -> list[list[float]]:
        """(T, L+1) on test rows."""
        return [correctness.shares(found) for found in self.test]

    @property
    def held_out_accuracy(self) -> list[list[float]]:
        """(T, L+1) on held-out rows."""
        return [correctness.shares(found) for found in self.validation]

    @property
    def examples(self) -> dict[str, Tensor]:
        """`test.probe` and `validation.probe`: (L+1, all examples) of uint8, experience after experience."""
        return {
            f"{name}.probe": torch.cat(found, dim=1).to(torch.uint8)
            for name, found in (("test", self.test), ("validation", self.validation))
        }


class Probing:
    """Probes a backbone of a run, which stays as it is, on the rows of a split."""

    def __init__(
        self,
        backbone: nn.Module,
        rows: Rows,
        data: ImageData,
        split: Split,
        *,
        task_incremental: bool,
    ) -> None:
        self.backbone, self.rows, self.data, self.split = backbone, rows, data, split
        self.task_incremental = task_incremental

    def probed(self) -> Probed:
        """Fit, and ask on the test and on the held-out rows of each experience."""
        split, found = self.split, Probed([], [])
        whole = None if self.task_incremental else depth_probes(*self._read(torch.cat(split.train)))
        for train, test, held in zip(split.train, split.test, split.validation, strict=True):
            probes = whole or depth_probes(*self._read(train))
            found.test.append(right(probes, *self._read(test, test=True)).cpu())
            found.validation.append(right(probes, *self._read(held)).cpu())
        return found

    def _read(self, rows: Tensor, *, test: bool = False) -> tuple[Tensor, Tensor]:
        """Features (L+1, N, D), and what a classifier is to say of each row, (N,)."""
        device = self.rows.images.device
        offset = len(self.data.train_labels) if test else 0
        labels = (self.data.test_labels if test else self.data.train_labels)[rows]
        said = self.split.label(labels, task_incremental=self.task_incremental).to(device)
        with correctness.evaluating(self.backbone):
            slices = [
                correctness.features(self.backbone, self.rows.plain(part), depths=True)
                for part in (rows.to(device) + offset).split(SLICE)
            ]
        return torch.cat(slices, dim=1), said
