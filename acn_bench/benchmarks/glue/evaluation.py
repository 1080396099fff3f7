"""A classifier of texts and rows -> its outputs at every depth, their scores, and its speed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import torch
from torch import Tensor, nn

from acn_bench.backbones import truncate
from acn_bench.benchmarks.glue.result import Scored
from acn_bench.benchmarks.run_checks import RunChecks
from acn_bench.benchmarks.run_progress import RunProgress
from acn_bench.benchmarks.text_network import TextClassifier
from acn_bench.data.glue.tasks import GlueTask
from acn_bench.data.tokens.encoded import Encoded
from acn_bench.evaluation import cost, glue_scores
from acn_bench.evaluation.correctness import Correct, evaluating
from acn_bench.evaluation.cost import EVALUATED

SLICE = 100  # texts in one pass
TIMED, PASSES = 16, 3  # texts of a pass that is timed; passes at each depth, the first of all aside
NEAR = 0.5  # a number counts as correct, for guards alone, within this of its label


@dataclass(frozen=True)
class Outputs:
    """Predictions of rows by depth, and their labels, on the CPU."""

    predictions: Tensor  # (L+1, N): classes, or numbers
    labels: Tensor  # (N,)

    @property
    def correct(self) -> Tensor:
        """(L+1, N) of bool; of numbers, whether they are near."""
        if self.labels.is_floating_point():
            return (self.predictions - self.labels).abs() <= NEAR
        return self.predictions == self.labels

    @property
    def stored(self) -> Tensor:
        """As a record's examples hold them: (L+1, N), uint8 classes or float32 numbers."""
        return self.predictions if self.labels.is_floating_point() else self.predictions.byte()


class GlueEvaluation:
    """Measures classifiers of one run; counts the seconds. Texts and labels are on the device, by split."""

    def __init__(
        self,
        task: GlueTask,
        texts: Mapping[str, Encoded],
        labels: Mapping[str, Tensor],
        *,
        types: bool,
        progress: RunProgress,
        checks: RunChecks,
    ) -> None:
        self.task, self.texts, self.labels, self.types = task, texts, labels, types
        self.progress, self.checks = progress, checks
        self.seconds = 0.0

    def outputs(
        self, model: TextClassifier, split: str, rows: Tensor, at_once: int | None = None
    ) -> Outputs:
        """Predictions of rows (N,) of a split after 0 … L blocks, in one pass over texts sorted by length."""
        texts, labels = self.texts[split], self.labels[split][rows]
        order = texts.lengths[rows].argsort(stable=True)
        parts = []
        with self.timed(), evaluating(model):
            self.checks.record_mode(model)
            for part in order.split(at_once or SLICE):
                logits = model.depths(*texts.batch(rows[part], types=self.types))
                parts.append(logits.squeeze(2) if self.task.is_regression else logits.argmax(2))
                self.progress.add(EVALUATED * len(part))
        sorted_ = torch.cat(parts, dim=1)
        predictions = torch.empty_like(sorted_)
        predictions[:, order] = sorted_
        return Outputs(predictions.cpu(), labels.cpu())

    def all_rows(self, split: str) -> Tensor:
        """The rows of a split, (N,)."""
        labels = self.labels[split]
        return torch.arange(len(labels), device=labels.device)

    def scored(self, made: Outputs) -> Scored:
        """The scores of a record."""
        scores = glue_scores.scores(self.task, made.predictions, made.labels)
        return Scored(
            rows=len(made.labels),
            scores={str(name): values for name, values in scores.items()},
            confusion=glue_scores.confusion(self.task, made.predictions, made.labels),
        )

    def for_guards(
        self, model: TextClassifier, split: str, rows: Tensor, at_once: int | None
    ) -> Correct:
        """Correct or not, of rows in their order."""
        return Correct(self.outputs(model, split, rows, at_once).correct, None)

    def speeds(self, model: TextClassifier, split: str, device: torch.device) -> list[float]:
        """Texts per second of a forward pass of the network cut to 0 … L blocks, (L+1,)."""
        rows = self.all_rows(split)[:TIMED]
        batch = self.texts[split].batch(rows, types=self.types)
        found = []
        with self.timed(), evaluating(model):
            for k in range(model.backbone.depth + 1):
                cut = TextClassifier(truncate(model.backbone, k), model.head)
                found.append(len(rows) / _seconds(cut, batch, device))
        return found

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Count the seconds of the block."""
        start = perf_counter()
        yield
        self.seconds += perf_counter() - start


def _seconds(model: nn.Module, batch: tuple[Tensor | None, ...], device: torch.device) -> float:
    """The median of a few forward passes."""
    model(*batch)
    taken = []
    for _ in range(PASSES):
        start = cost.seconds(device)
        model(*batch)
        taken.append(cost.seconds(device) - start)
    return max(median(taken), 1e-9)
