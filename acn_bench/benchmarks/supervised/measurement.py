"""A trained network and the images of a run -> its scores on held-out and test rows, clean, under noise and with exits."""

from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from acn_bench.backbones import Backbone
from acn_bench.benchmarks.noise_conditions import Condition, NoiseOptions, noise_conditions
from acn_bench.benchmarks.run_checks import RunChecks
from acn_bench.benchmarks.supervised.evaluation import Evaluation, Images, Outcomes
from acn_bench.benchmarks.supervised.exits import ExitCounter
from acn_bench.benchmarks.supervised.images import RunImages
from acn_bench.benchmarks.supervised.result import Exits, NoiseScores
from acn_bench.benchmarks.supervised.spec import SupervisedConfig
from acn_bench.data.split import Labelled, Split
from acn_bench.evaluation.correctness import Correct

Side = Literal["validation", "test"]


class Measurement:
    """Measures one network. Images that turn out damaged are left out of all its scores; `examples` keeps outcomes."""

    def __init__(
        self,
        config: SupervisedConfig,
        data: Labelled,
        split: Split,
        images: RunImages,
        evaluation: Evaluation,
    ) -> None:
        self.config = config
        self.images = images
        self.evaluation = evaluation
        self.rows: dict[Side, Tensor] = {"validation": split.validation[0], "test": split.test[0]}
        self.labels: dict[Side, Tensor] = {
            "validation": split.position[data.train_labels],
            "test": split.position[data.test_labels],
        }
        self.readers: dict[Side, Images] = {"validation": images.plain, "test": images.tested}
        self.examples: dict[str, Tensor] = {}

    def clean(self, side: Side) -> Outcomes:
        """Clean images at every depth. Call it first: it finds the damaged ones."""
        made, rows = self._outcomes(side, self.rows[side]), self.rows[side]
        source = self.images.train if side == "validation" else self.images.test
        there = source.readable(rows)
        if not there.all():
            made, self.rows[side] = made.among(there), rows[there]
        self.examples[side] = made.top1.to(torch.uint8)
        self.examples[f"{side}.rows"] = self.rows[side]
        return made

    def noise(self) -> list[NoiseScores]:
        """Test images under each level of noise; the examples keep full depth."""
        scores = []
        for condition in self._conditions():
            made = self._outcomes("test", self.rows["test"], condition)
            name = f"test.{condition.corruption}.{condition.level:g}"
            self.examples[name] = made.top1[-1:].to(torch.uint8)
            scores.append(made.noise_scores(condition))
        return scores

    def exits(self, image: Tensor) -> Exits | None:
        """Early exit on clean test images; None where it was not asked for, or the network has no depths."""
        thresholds, network = self.config.benchmark.exit_thresholds, self.evaluation.network
        if not thresholds or not isinstance(network, Backbone):
            return None
        counter, rows = ExitCounter(network, thresholds, image), self.rows["test"]
        for part, labels in self.evaluation.slices(rows, self.labels["test"][rows]):
            counter.count(counter.logits(self.images.tested(part)), labels)
        return counter.exits

    def check(self, checks: RunChecks, network: nn.Module) -> None:
        """Check the measurements by repeating those of held-out rows, clean and under the last noise."""
        conditions = [None, *self._conditions()[-1:]]

        def held_out(reverse: bool, at_once: int | None) -> list[Correct]:
            rows = self.rows["validation"]
            rows = rows.flip(0) if reverse else rows
            measured = partial(self._outcomes, "validation", rows, at_once=at_once)
            return [Correct(measured(condition).top1, None) for condition in conditions]

        checks.repeated(network, held_out)

    def _outcomes(
        self,
        side: Side,
        rows: Tensor,
        condition: Condition | None = None,
        at_once: int | None = None,
    ) -> Outcomes:
        labels = self.labels[side][rows]
        return self.evaluation.outcomes(
            rows, labels, self.readers[side], condition, at_once=at_once
        )

    def _conditions(self) -> list[Condition]:
        spec = self.config.benchmark
        options = NoiseOptions(
            seed=self.config.seeds.noise,
            clip=spec.noise_clip,
            quantise=spec.noise_quantise,
            per_value=spec.noise_per_value,
        )
        return list(noise_conditions(spec.noise, options))
