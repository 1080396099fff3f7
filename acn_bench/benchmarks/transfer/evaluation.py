"""A model of a transfer and rows of a data set -> correct predictions at every depth, and linear probes."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

import torch
from torch import Tensor

from acn_bench.benchmarks.device_data import DeviceData
from acn_bench.benchmarks.run_checks import RunChecks
from acn_bench.benchmarks.run_progress import RunProgress
from acn_bench.benchmarks.transfer.result import Accuracy, Probed
from acn_bench.evaluation import correctness, linear_probe
from acn_bench.evaluation.correctness import Correct
from acn_bench.evaluation.cost import EVALUATED
from acn_bench.training.row_model import RowModel

SLICE = 1000  # images on the device as floats at once


class TransferEvaluation:
    """Measures models of a run; counts the seconds."""

    def __init__(self, progress: RunProgress, checks: RunChecks) -> None:
        self.progress = progress
        self.checks = checks
        self.seconds = 0.0

    def correct(
        self,
        model: RowModel,
        side: DeviceData,
        rows: Tensor,
        *,
        depths: bool = True,
        at_once: int | None = None,
    ) -> Correct:
        """Correct or not for these rows (N,), after 0 … L blocks; without `depths`, at full depth only."""
        with self._timed(), correctness.evaluating(model):
            self.checks.record_mode(model)
            features = self.features(model, rows, depths=depths, at_once=at_once)
            return correctness.correct(model.head(features), side.labels[rows])

    def features(
        self, model: RowModel, rows: Tensor, *, depths: bool = True, at_once: int | None = None
    ) -> Tensor:
        """The input of a head for these rows (N,), (L+1, N, D); the model is in evaluation mode."""
        slices = []
        for part in rows.split(SLICE):
            images = model.rows.plain(part)
            slices.append(
                correctness.features(model.backbone, images, depths=depths, at_once=at_once)
            )
            self.progress.add(EVALUATED * len(part))
        return torch.cat(slices, dim=1)

    def probe(
        self, model: RowModel, target: DeviceData, penalties: tuple[float, ...]
    ) -> tuple[Probed, dict[str, Tensor]]:
        """Linear probes on the frozen features of every depth; and correct or not per example, by name."""
        frozen = RowModel(model.backbone, model.head, target.rows)
        sets = (target.train, target.validation, target.test)
        with (
            self.checks.unchanged(model, by="reading features for the probes"),
            self._timed(),
        ):
            with correctness.evaluating(frozen):
                self.checks.record_mode(frozen)
                features = [self.features(frozen, rows) for rows in sets]
            labels = [target.labels[rows] for rows in sets]
            probes = [
                linear_probe.fit(
                    (train, labels[0]), (held_out, labels[1]), target.classes, penalties
                )
                for train, held_out in zip(features[0], features[1], strict=True)
            ]
            validation, test = (
                torch.stack(
                    [
                        probe(x).argmax(dim=1) == labels[k]
                        for probe, x in zip(probes, features[k], strict=True)
                    ]
                ).cpu()
                for k in (1, 2)
            )
        accuracy = Accuracy(
            validation=correctness.shares(validation), test=correctness.shares(test)
        )
        result = Probed(accuracy=accuracy, penalties=[probe.penalty for probe in probes])
        return result, examples("probe", validation, test)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        start = perf_counter()
        yield
        self.seconds += perf_counter() - start


def examples(name: str, validation: Tensor, test: Tensor) -> dict[str, Tensor]:
    """`<name>.validation` and `<name>.test`: correct or not, (L+1, N) of uint8."""
    return {
        f"{name}.validation": validation.to(torch.uint8),
        f"{name}.test": test.to(torch.uint8),
    }
