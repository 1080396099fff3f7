"""A trained network and the images of a run -> its scores on held-out and test rows, clean, under noise and with exits."""

from typing import Literal

import torch
from torch import Tensor, nn

from acn_bench.backbones import Backbone
from acn_bench.benchmarks.noise_conditions import Condition, NoiseOptions, noise_conditions
from acn_bench.benchmarks.run_checks import RunChecks
from acn_bench.benchmarks.supervised.evaluation import Evaluation, Outcomes
from acn_bench.benchmarks.supervised.exits import ExitMeasurement
from acn_bench.benchmarks.supervised.images import RunImages
from acn_bench.benchmarks.supervised.result import Exits, NoiseScores
from acn_bench.benchmarks.supervised.spec import SupervisedConfig
from acn_bench.data.image_source import ImageSource
from acn_bench.data.split import Labelled, Split
from acn_bench.evaluation.correctness import Correct

Side = Literal["validation", "test"]


class Measurement:
    """Measures one network. Images whose files are damaged are left out of all scores; `examples` keeps outcomes."""

    def __init__(
        self,
        config: SupervisedConfig,
        data: Labelled,
        split: Split,
        images: RunImages,
        evaluation: Evaluation,
    ) -> None:
        self.config = config
        self.evaluation = evaluation
        self.rows: dict[Side, Tensor] = {"validation": split.validation[0], "test": split.test[0]}
        self.sources: dict[Side, ImageSource] = {"validation": images.train, "test": images.test}
        self.labels: dict[Side, Tensor] = {
            "validation": split.position[data.train_labels],
            "test": split.position[data.test_labels],
        }
        self.examples: dict[str, Tensor] = {}
        self.skipped = 0

    def clean(self, side: Side) -> Outcomes:
        """Clean images at every depth. Call it first: it finds the damaged ones."""
        made = self._outcomes(side, self.rows[side])
        if not made.readable.all():
            self.skipped += int((~made.readable).sum())
            self.rows[side] = self.rows[side][made.readable]
            made = made.among(made.readable)
        self.examples[side] = made.top1.to(torch.uint8).contiguous()
        self.examples[f"{side}.rows"] = self.rows[side]
        return made

    def noise(self) -> list[NoiseScores]:
        """Test images under each level of noise; the examples keep full depth."""
        scores = []
        for condition in self._conditions():
            made = self._outcomes("test", self.rows["test"], condition)
            name = f"test.{condition.corruption}.{condition.level:g}"
            self.examples[name] = made.top1[-1:].to(torch.uint8).contiguous()
            scores.append(made.noise_scores(condition))
        return scores

    def exits(self, image: Tensor) -> Exits | None:
        """Early exit on clean test images; None where it was not asked for, or the network has no depths."""
        thresholds, network = self.config.benchmark.exit_thresholds, self.evaluation.network
        if not thresholds or not isinstance(network, Backbone):
            return None
        early, labels = ExitMeasurement(network, thresholds), self.labels["test"]

        def leaves(rows: Tensor, images: Tensor) -> Tensor:
            return early.leaves(early.logits(images), labels[rows].to(images.device))

        of_rows = self.evaluation.by_row(self.sources["test"], self.rows["test"], leaves)
        return early.exits(of_rows, image)

    def check(self, checks: RunChecks, network: nn.Module) -> None:
        """Check the measurements by repeating those of held-out rows, clean and under the last noise."""
        conditions = [None, *self._conditions()[-1:]]

        def held_out(reverse: bool, at_once: int | None) -> list[Correct]:
            rows = self.rows["validation"]
            rows = rows.flip(0) if reverse else rows
            made = (self._outcomes("validation", rows, c, at_once) for c in conditions)
            return [Correct(outcomes.top1, None) for outcomes in made]

        checks.repeated(network, held_out)

    def _outcomes(
        self,
        side: Side,
        rows: Tensor,
        condition: Condition | None = None,
        at_once: int | None = None,
    ) -> Outcomes:
        source, labels = self.sources[side], self.labels[side]
        return self.evaluation.outcomes(source, rows, labels, condition, at_once=at_once)

    def _conditions(self) -> list[Condition]:
        spec = self.config.benchmark
        options = NoiseOptions(
            seed=self.config.seeds.noise,
            clip=spec.noise_clip,
            quantise=spec.noise_quantise,
            per_value=spec.noise_per_value,
        )
        return list(noise_conditions(spec.noise, options))
