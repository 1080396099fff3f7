"""Frozen features of every depth -> what a linear classifier of each depth has right.

The network's one head, read at every depth, asks what the network has ready after k blocks; a probe, fitted
for that depth alone, asks what is linearly there. It never sees a held-out or a test row: with a head each
it is fitted on the training rows of each experience, with one head on those of the whole stream.

>>> probes = depth_probes(model.feature_depths(x), y)                # x, y: training examples
>>> right(probes, model.feature_depths(test_x), test_y).float().mean(dim=1)   # (L+1,) accuracy
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from acn_bench.benchmarks.continual.split import Split
from acn_bench.data.batches import Rows
from acn_bench.data.images import ImageData
from acn_bench.evaluation import correctness
from acn_bench.evaluation.linear_probe import Probe, fit

PENALTY = 1e-3  # half of it times the squared weights is added to the mean loss
SLICE = 1000  # rows at once: as floats, a whole data set is large


def depth_probes(features: Tensor, labels: Tensor, penalty: float = PENALTY) -> list[Probe]:
    """Features (L+1, N, D) and labels (N,) of training examples -> a probe for each depth.

    Raises ValueError where the shapes do not fit, or the penalty is below 0.
    """
    _check(features, labels)
    if not penalty >= 0:
        raise ValueError(f"the penalty must be 0 or more, not {penalty}")
    classes = int(labels.max()) + 1
    # one penalty: there is nothing to choose on held-out rows
    return [fit((x, labels), (x, labels), classes, [penalty]) for x in features.detach()]


def right(probes: list[Probe], features: Tensor, labels: Tensor) -> Tensor:
    """Right or not, (L+1, M) of bool, from features (L+1, M, D) and labels (M,) of other examples."""
    _check(features, labels)
    said = [probe(x).argmax(dim=1) for probe, x in zip(probes, features.detach(), strict=True)]
    return torch.stack(said) == labels


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


def _check(features: Tensor, labels: Tensor) -> None:
    if features.dim() != 3 or labels.shape != features.shape[1:2] or not len(labels):
        raise ValueError(
            f"expected features (L+1, N, D) and labels (N,), got {tuple(features.shape)} and "
            f"{tuple(labels.shape)}"
        )
