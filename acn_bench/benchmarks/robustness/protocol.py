"""RunConfig of a robustness run -> RobustnessResult: train, then measure clean, noisy and corrupted images."""

from importlib import import_module
from time import perf_counter

import torch
from torch import Tensor

from acn_bench.benchmarks.device_data import DeviceData
from acn_bench.benchmarks.noise_conditions import Condition
from acn_bench.benchmarks.robustness import conditions, evaluation
from acn_bench.benchmarks.robustness.cost import attack_work, work
from acn_bench.benchmarks.robustness.evaluation import ReliabilityTable, RobustnessEvaluation
from acn_bench.benchmarks.robustness.example_images import example_images
from acn_bench.benchmarks.robustness.result import (
    AttackScores,
    CorruptedScores,
    ExampleImage,
    RobustnessResult,
)
from acn_bench.benchmarks.robustness.spec import (
    ATTACK_MODULE,
    TRAINED_MODULE,
    RobustnessSpec,
)
from acn_bench.benchmarks.run import Run, RunOutput, weights_on_cpu
from acn_bench.benchmarks.run_checks import RunChecks
from acn_bench.benchmarks.run_progress import RunProgress
from acn_bench.data.corrupted_images import CorruptedImages
from acn_bench.data.generators import preserved_generators
from acn_bench.data.images import ImageData
from acn_bench.data.split import most_frequent
from acn_bench.evaluation import correctness, cost, guards
from acn_bench.evaluation.calibration import Predictions
from acn_bench.evaluation.correctness import Correct
from acn_bench.result import Seconds
from acn_bench.training.loop import TrainConfig, train, until
from acn_bench.training.network import one_head
from acn_bench.training.schemes import scheme

REPEATED = 200  # test rows of a trained network that are measured again


def measure(run: Run[RobustnessSpec, ImageData | CorruptedImages]) -> RunOutput:
    """Run the protocol.

    Raises ValueError if data and protocol do not fit, DivergedError if the loss is nan or infinite.
    """
    with preserved_generators():
        return RobustnessRun(run).measure()


class RobustnessRun:
    """The parts of one run; `measure` reads as the protocol."""

    def __init__(self, run: Run[RobustnessSpec, ImageData | CorruptedImages]) -> None:
        config, data, device = run.config, conditions.clean(run.data), run.device
        self.config, self.protocol, self.device = config, config.benchmark, device
        conditions.check(config, run.data)
        self.run_data = run.data
        self.official = conditions.official(run.data)
        self.data: DeviceData
        if config.backbone.trained:  # by name: a run that trains executes none of its files
            module = import_module(TRAINED_MODULE)
            self.data = module.TestData(data, config, device)
            self.model = module.row_model(config, self.data).to(device)
        else:
            assert isinstance(data, ImageData)  # `cost.check` refuses others
            self.data = DeviceData(data, self.protocol, config.seeds.data, device)
            self.model = one_head(config, self.data.classes, self.data.rows).to(device)
        self.checks = RunChecks()
        self.progress = RunProgress(work(config, run.data), run.progress)
        self.evaluation = RobustnessEvaluation(
            self.model, self.data.labels, self.progress, self.checks
        )
        self.reliability = ReliabilityTable()
        self.examples: dict[str, Tensor] = {}

    # ------------------------------------------------------------ the protocol

    def measure(self) -> RunOutput:
        cost.reset_peak_memory(self.device)
        start = perf_counter()
        self._check_start()
        image = self.data.rows.plain(self.data.test[:1])
        parameters, flops = cost.by_depth(self.model.backbone, self.model.head, image)
        self.checks.count_passes(self.model.backbone)

        losses, held_out = self._train()
        validation = self._validation()
        clean = self._test(None)
        noise = [self._corrupted(c) for c in conditions.noise_conditions(self.config)]
        corruptions = [
            self._corrupted(c) for c in conditions.common_conditions(self.config, self.official)
        ]
        self._check_end()
        attack = self._attack()  # last: its passes have gradients, and are no training

        seconds = self.evaluation.seconds
        result = RobustnessResult(
            classes=self.data.classes,
            rows=self.data.counts,
            train_loss=losses,
            held_out=held_out,
            validation=None if validation is None else evaluation.scores(validation),
            changes=[] if validation is None else correctness.changes(validation.correct),
            clean=evaluation.scores(clean),
            noise=noise,
            corruptions=corruptions,
            reliability=self.reliability.rows,
            attack=attack,
            example_images=self._example_images(),
            held_out_most_frequent=(
                None
                if validation is None
                else most_frequent(self.data.labels[self.data.validation])
            ),
            parameters=parameters,
            flops=flops,
            seconds=Seconds(train=perf_counter() - start - seconds, evaluate=seconds),
            peak_memory=cost.peak_memory(self.device),
            images_seen=self.data.rows.trained,
            precision=self.config.precision,
        )
        self.progress.finish()
        weights = {} if self.config.backbone.trained else weights_on_cpu(self.model)
        return RunOutput(result, self.examples, weights, self.checks.guards)

    def _train(self) -> tuple[list[float], list[float]]:
        """Train; the loss and the held-out accuracy at each check. Stop at the accuracy `match`, if there is one.

        Nothing of a network that was trained before.
        """
        p = self.protocol
        if self.config.backbone.trained:
            return [], []
        training = TrainConfig(
            stage="training",
            epochs=p.epochs,
            batch_size=p.batch_size,
            learning_rate=p.learning_rate,
            weight_decay=p.weight_decay,
            scheme=scheme(p.scheme),
            checks=p.checks_per_epoch,
            # an arm that stops at an accuracy does not know its number of steps, over which rates would rise
            from_scratch=p.match is None,
            seed=self.config.seeds.data,
        )
        data, measured = self.data, self.evaluation.predictions
        steps = train(self.model, data.train, data.labels[data.train], training, self.progress.add)
        done = until(steps, lambda: measured(data.validation, depths=False).accuracy[-1], p.match)
        self.progress.advance_to(p.epochs * len(data.train))
        return done

    def _validation(self) -> Predictions | None:
        """Measure the held-out rows; a network that was trained before has none."""
        if self.config.backbone.trained:
            return None
        made = self.evaluation.predictions(self.data.validation)
        self.examples["validation"] = made.correct.to(torch.uint8)
        self.examples["validation.rows"] = self.data.split.validation[0]
        self.examples["test.rows"] = self.data.split.test[0]
        return made

    def _test(self, condition: Condition | None) -> Predictions:
        """Measure the test rows; keep which examples are correct: clean at every depth, else at full depth."""
        made = self.evaluation.predictions(self.data.test, condition, first=self.data.first_test)
        correct = made.correct.to(torch.uint8)
        if condition is None:
            self.examples["test.clean"] = correct
            self.reliability.add(0, made)
            return made
        self.examples[f"test.{condition.corruption}.{condition.level:g}"] = correct[-1:]
        if condition.corruption in self.protocol.common:
            self.reliability.add(int(condition.level), made)
        return made

    def _corrupted(self, condition: Condition) -> CorruptedScores:
        return evaluation.corrupted_scores(condition, self._test(condition))

    def _example_images(self) -> list[ExampleImage]:
        first = self.data.test[:1]
        shown = [
            *conditions.noise_conditions(self.config),
            *conditions.common_conditions(self.config, self.official),
        ]
        return example_images(self.data.rows.plain(first), first - self.data.first_test, shown)

    def _attack(self) -> AttackScores | None:
        """Attack the first test rows, where the settings have an attack."""
        if self.protocol.linf is None:
            return None
        rows = self.data.test[: self.protocol.attacked(len(self.data.test))]
        work = attack_work(self.config, self.run_data)
        with self.checks.unchanged(self.model, by="the attack"), self.evaluation.timed():
            # by name: a run without an attack executes none of its files
            made = import_module(ATTACK_MODULE).measure(
                self.config, self.model, rows, self.data.labels[rows], self.device,
                lambda share: self.progress.add(work * share),
            )  # fmt: skip
        self.checks.guards += made.guards
        self.examples |= made.examples
        scores: AttackScores = made.scores
        return scores

    # ------------------------------------------------------------ guards

    def _check_start(self) -> None:
        """Check the split before anything is trained."""
        if self.config.backbone.trained:
            return
        self.checks.guards += [
            guards.train_and_validation_disjoint(self.data.split),
            guards.train_and_test_disjoint([self.data.images], self.data.images),
        ]

    def _check_end(self) -> None:
        """Check the measurements by repeating those of held-out rows, clean and under a condition; count images.

        Of a network that was trained before, repeat those of the first test rows.
        """
        noise = list(conditions.noise_conditions(self.config))[-1:]
        # official files hold test images alone
        common = [] if self.official else list(conditions.common_conditions(self.config))[-1:]

        def repeat(reverse: bool, at_once: int | None) -> list[Correct]:
            chosen = (
                self.data.test[:REPEATED] if self.config.backbone.trained else self.data.validation
            )
            rows = chosen.flip(0) if reverse else chosen
            return [
                Correct(self.evaluation.predictions(rows, c, at_once=at_once).correct, None)
                for c in (None, *noise, *common)
            ]

        self.checks.repeated(self.model, repeat)
        self.checks.images(self.data.rows.trained, self.data.rows.trained)
