"""The model of a robustness run and rows of images -> its predictions at every depth, clean or under a condition."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from acn_bench.analysis.image_outcomes import packed
from acn_bench.benchmarks.noise_conditions import Condition
from acn_bench.benchmarks.robustness.result import CorruptedScores, Reliability, Scores
from acn_bench.benchmarks.run_checks import RunChecks
from acn_bench.benchmarks.run_progress import RunProgress
from acn_bench.evaluation import calibration, correctness
from acn_bench.evaluation.calibration import Bins, Predictions
from acn_bench.evaluation.cost import EVALUATED
from acn_bench.training.row_model import RowModel

SLICE = 500  # images on the device as floats at once
DIGITS = 6  # decimals of a score in a record


class RobustnessEvaluation:
    """Measures the model of a run; counts the seconds. `labels` are those of all rows, on the device."""

    def __init__(
        self, model: RowModel, labels: Tensor, progress: RunProgress, checks: RunChecks
    ) -> None:
        self.model = model
        self.labels = labels
        self.progress = progress
        self.checks = checks
        self.seconds = 0.0

    def predictions(
        self,
        rows: Tensor,
        condition: Condition | None = None,
        *,
        first: int = 0,
        depths: bool = True,
        at_once: int | None = None,
    ) -> Predictions:
        """Of these rows (N,) after 0 … L blocks; without `depths`, at full depth only.

        A condition draws by the row's number less `first`, so that test rows count from 0 in the test set.
        """
        parts = []
        with self.timed(), correctness.evaluating(self.model):
            self.checks.record_mode(self.model)
            for part in rows.split(at_once or SLICE):
                images = self._images(part, condition, part - first)
                features = correctness.features(
                    self.model.backbone, images, depths=depths, at_once=at_once
                )
                logits = self.model.head(features)
                parts.append(calibration.predictions(logits, self.labels[part]))
                self.progress.add(EVALUATED * len(part))
        return calibration.joined(parts)

    def _images(self, rows: Tensor, condition: Condition | None, numbers: Tensor) -> Tensor:
        """The network's input of these rows, whose numbers in the test set a condition takes."""
        if condition is None:
            return self.model.rows.plain(rows)
        if condition.read is not None:
            return condition.read(numbers)
        return condition.change(self.model.rows.plain(rows), numbers)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Count the seconds of the block."""
        start = perf_counter()
        yield
        self.seconds += perf_counter() - start


# ---------------------------------------------------------------- predictions -> what a record holds


def scores(made: Predictions) -> Scores:
    """The scores of clean images."""
    return Scores(**_scores(made))


def corrupted_scores(condition: Condition, made: Predictions) -> CorruptedScores:
    """The scores under a condition."""
    return CorruptedScores(corruption=condition.corruption, level=condition.level, **_scores(made))


def _scores(made: Predictions) -> dict[str, Any]:
    return {
        "accuracy": made.accuracy,
        "nll": _rounded(made.mean_nll),
        "ece": _rounded(made.calibration_error),
        "brier": _rounded(made.mean_brier),
        "outcomes": packed(made.correct[-1].tolist()),
    }


def _rounded(values: list[float]) -> list[float]:
    return [round(value, DIGITS) + 0.0 for value in values]


class ReliabilityTable:
    """Sums the predictions at full depth by severity and confidence; severity 0 is clean."""

    def __init__(self) -> None:
        self.sums: dict[int, Tensor] = {}  # severity -> (3, BINS): count, correct, confidence

    def add(self, severity: int, made: Predictions) -> None:
        """Count the predictions of one condition."""
        bins: Bins = calibration.reliability(made)
        full = torch.stack([bins.count[-1], bins.correct[-1], bins.confidence[-1]])
        self.sums[severity] = self.sums.get(severity, torch.zeros_like(full)) + full

    @property
    def rows(self) -> list[Reliability]:
        """By severity."""
        return [
            Reliability(
                severity=severity,
                count=[round(n) for n in sums[0].tolist()],
                correct=[round(n) for n in sums[1].tolist()],
                confidence=_rounded(sums[2].tolist()),
            )
            for severity, sums in sorted(self.sums.items())
        ]
