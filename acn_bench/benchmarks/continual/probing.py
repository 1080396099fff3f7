"""The final backbone of a continual run -> results of linear probes at every depth, for each experience."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from acn_bench.data.split import Labelled, Split
from acn_bench.evaluation import correctness
from acn_bench.evaluation.probing import SLICE, depth_probes, right
from acn_bench.training.row_model import RowInputs


@dataclass(frozen=True)
class ProbeResult:
    """Correct or not at every depth, (L+1, M_j) of bool for each experience j."""

    test: list[Tensor]
    validation: list[Tensor]

    @property
    def accuracy(self) -> list[list[float]]:
        """(T, L+1) on test rows."""
        return [correctness.shares(correct) for correct in self.test]

    @property
    def held_out_accuracy(self) -> list[list[float]]:
        """(T, L+1) on held-out rows."""
        return [correctness.shares(correct) for correct in self.validation]

    @property
    def examples(self) -> dict[str, Tensor]:
        """`test.probe` and `validation.probe`: (L+1, all examples) of uint8, in the order of experiences."""
        return {
            f"{name}.probe": torch.cat(correct, dim=1).to(torch.uint8)
            for name, correct in (("test", self.test), ("validation", self.validation))
        }


class Probing:
    """Fits and tests probes of a backbone on the rows of a split; the backbone does not change."""

    def __init__(
        self,
        backbone: nn.Module,
        rows: RowInputs,
        data: Labelled,
        split: Split,
        *,
        task_incremental: bool,
    ) -> None:
        self.backbone, self.rows, self.data, self.split = backbone, rows, data, split
        self.task_incremental = task_incremental

    def measure(self) -> ProbeResult:
        """Fit probes on training rows; test them on the test and held-out rows of each experience.

        Task-incremental: probes of each experience; class-incremental: one set of probes for all experiences.
        """
        split, result = self.split, ProbeResult([], [])
        shared = None
        if not self.task_incremental:
            shared = depth_probes(*self._features_and_targets(torch.cat(split.train)))
        for train, test, held_out in zip(split.train, split.test, split.validation, strict=True):
            probes = shared or depth_probes(*self._features_and_targets(train))
            result.test.append(right(probes, *self._features_and_targets(test, test=True)).cpu())
            result.validation.append(right(probes, *self._features_and_targets(held_out)).cpu())
        return result

    def _features_and_targets(self, rows: Tensor, *, test: bool = False) -> tuple[Tensor, Tensor]:
        """Features (L+1, N, D), and the class that a probe should predict for each row, (N,)."""
        device = self.rows.device
        offset = len(self.data.train_labels) if test else 0
        labels = (self.data.test_labels if test else self.data.train_labels)[rows]
        targets = self.split.label(labels, task_incremental=self.task_incremental).to(device)
        with correctness.evaluating(self.backbone):
            slices = [
                correctness.features(self.backbone, self.rows.plain(part), depths=True)
                for part in (rows.to(device) + offset).split(SLICE)
            ]
        return torch.cat(slices, dim=1), targets
