"""The model of a continual run -> which examples it classifies correctly, after each experience."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from acn_bench.backbones import Backbone
from acn_bench.benchmarks.continual.probing import ProbeResult, Probing
from acn_bench.benchmarks.continual.run_state import RunState
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.benchmarks.continual.split import StreamData
from acn_bench.benchmarks.run_checks import RunChecks
from acn_bench.benchmarks.run_progress import RunProgress
from acn_bench.config import RunConfig, Seeds
from acn_bench.data.split import Split
from acn_bench.evaluation import correctness
from acn_bench.evaluation.correctness import Correct
from acn_bench.evaluation.cost import EVALUATED
from acn_bench.registry import CORRUPTIONS
from acn_bench.strategies.prediction import Prediction
from acn_bench.strategies.row_models import MultiHeadRowModel
from acn_bench.training.row_model import RowInputs, RowModel


@dataclass
class ContinualEvaluation:
    """Measures the model on test, held-out and noisy rows; fills the tables of the run's state."""

    config: RunConfig[ContinualSpec]
    data: StreamData
    split: Split
    rows: RowInputs
    model: RowModel | MultiHeadRowModel
    prediction: Prediction
    run_state: RunState
    progress: RunProgress
    checks: RunChecks

    def __post_init__(self) -> None:
        self.protocol = self.config.benchmark
        self.task_incremental = self.protocol.task_incremental

    @property
    def has_depths(self) -> bool:
        """Whether the result has an accuracy for every depth."""
        return self.prediction.every_depth and isinstance(self.model.backbone, Backbone)

    def measure(self, i: int) -> None:
        """Measure everything that the protocol asks for after experience i."""
        tables = self.run_state
        tests = self.correct(i, self.split.test, test=True)
        tables.tests.add(i, [c.depths for c in tests])
        if not self.task_incremental:
            tables.masked.add(i, [c.masked.unsqueeze(0) for c in tests if c.masked is not None])
        held_out = self.correct(i, self.split.validation, test=False)
        tables.validations.add(i, [c.depths for c in held_out])
        if self.protocol.noise_after == "every" or i == self.protocol.experiences - 1:
            for (name, level), noisy in self.under_noise(i):
                tables.noise_table(name, level).add(i, [c.depths for c in noisy])

    def correct(
        self,
        i: int,
        split: list[Tensor],
        *,
        test: bool,
        corrupt: Callable[..., Tensor] | None = None,
        at_once: int | None = None,
    ) -> list[Correct]:
        """Correct or not after experience i, for each experience j that has a head by then.

        `split[j]` are rows of the test set if `test`, else of the training set. With `corrupt(images, indices=)`
        the network's inputs are its outputs, and full depth only is measured. `at_once`: images per pass.
        """
        experiences = range(i + 1 if self.task_incremental else len(split))
        return self._correct(experiences, split, test=test, corrupt=corrupt, at_once=at_once)

    def held_out_accuracy(self, i: int) -> float:
        """The accuracy on the held-out rows of experience i alone."""
        (result,) = self._correct([i], self.split.validation, test=False)
        return correctness.shares(result.depths)[-1]

    def _correct(
        self,
        experiences: Sequence[int],
        split: list[Tensor],
        *,
        test: bool,
        corrupt: Callable[..., Tensor] | None = None,
        at_once: int | None = None,
    ) -> list[Correct]:
        offset = len(self.data.train_labels) if test else 0
        labels = self.data.test_labels if test else self.data.train_labels
        depths = corrupt is None and self.prediction.every_depth
        device = self.rows.device
        results = []
        with correctness.evaluating(self.model):
            self.checks.record_mode(self.model)
            for j in experiences:
                rows = split[j].to(device)
                images = self.rows.plain(rows + offset)
                if corrupt is not None:
                    images = corrupt(images, indices=rows)
                features = correctness.features(
                    self.model.backbone, images, depths=depths, at_once=at_once
                )
                targets = self.split.label(labels[split[j]], task_incremental=self.task_incremental)
                logits = self.prediction.logits(features, j)
                results.append(
                    correctness.correct(logits, targets.to(device), self._own_classes(j))
                )
                self.progress.add(EVALUATED * len(rows))
        return results

    def _own_classes(self, j: int) -> range | None:
        """The logits of experience j's classes in a single head; None for multi-head runs."""
        count = self.protocol.classes_per_experience
        return None if self.task_incremental else range(j * count, (j + 1) * count)

    def initial_accuracy(self) -> list[float] | None:
        """Accuracy on each experience before training; None if the strategy cannot predict yet."""
        if self.task_incremental or not self.prediction.ready:
            return None
        results = self.correct(0, self.split.test, test=True)
        return [correctness.shares(c.depths)[-1] for c in results]

    def under_noise(self, i: int) -> Iterator[tuple[tuple[str, float], list[Correct]]]:
        """(corruption, level) and the results on noisy test images after experience i."""
        for name, levels in self.protocol.noise.items():
            for level in levels:
                corrupt = corruption(name, level, self.config.seeds)
                yield (name, level), self.correct(i, self.split.test, test=True, corrupt=corrupt)

    def probe(self) -> ProbeResult | None:
        """Linear probes of the final model; None without `linear_probe`, or if the network has no depths."""
        backbone = self.model.backbone
        if not self.protocol.linear_probe or not isinstance(backbone, Backbone):
            return None
        probing = Probing(
            backbone, self.rows, self.data, self.split, task_incremental=self.task_incremental
        )
        with self.checks.unchanged(self.model, by="the linear probe"):
            result = probing.measure()
        rows = self.split.train + self.split.test + self.split.validation
        self.progress.add(EVALUATED * sum(map(len, rows)))
        return result


def corruption(name: str, level: float, seeds: Seeds) -> Callable[..., Tensor]:
    """`corrupt(images, indices=)`: the noise depends on (seed, image) only, not on the other images."""
    function: Callable[..., Tensor] = CORRUPTIONS.load(name)
    seed = seeds.noise

    def corrupt(images: Tensor, indices: Tensor) -> Tensor:
        return function(images, level, seed=seed, indices=indices)

    return corrupt
