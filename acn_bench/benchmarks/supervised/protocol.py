"""RunConfig of a supervised run -> SupervisedResult: train by the recipe, then measure every depth."""

from functools import partial
from time import perf_counter
from typing import Any

import msgspec
import torch
from torch import Tensor, nn

from acn_bench.backbones import Backbone, gradients
from acn_bench.benchmarks.run import Run, RunOutput, weights_on_cpu
from acn_bench.benchmarks.run_checks import RunChecks
from acn_bench.benchmarks.run_progress import RunProgress
from acn_bench.benchmarks.supervised.cost import training_work, work
from acn_bench.benchmarks.supervised.evaluation import Evaluation
from acn_bench.benchmarks.supervised.images import RunImages
from acn_bench.benchmarks.supervised.measurement import Measurement
from acn_bench.benchmarks.supervised.network import untrained
from acn_bench.benchmarks.supervised.recipe import recipe
from acn_bench.benchmarks.supervised.result import CurvePoint, GradientNorms, SupervisedResult
from acn_bench.benchmarks.supervised.spec import SupervisedSpec
from acn_bench.benchmarks.supervised.split import split
from acn_bench.benchmarks.supervised.task import ImageTask
from acn_bench.benchmarks.training_run import trainer
from acn_bench.data.generators import preserved_generators
from acn_bench.data.image_folder import ImageFolderData
from acn_bench.data.images import ImageData
from acn_bench.data.split import most_frequent
from acn_bench.evaluation import correctness, cost, guards
from acn_bench.result import RowCounts, Seconds
from acn_bench.spec import Struct
from acn_bench.training import distributed
from acn_bench.training.step import Step
from acn_bench.training.trainer import Batch, TrainOutput

Data = ImageData | ImageFolderData


def measure(run: Run[SupervisedSpec, Data]) -> RunOutput:
    """Run the protocol, from its last checkpoint if there is one.

    Raises ValueError if data and protocol do not fit, DivergedError if the loss is not finite or explodes.
    """
    with preserved_generators():
        return SupervisedRun(run).measure()


class _AfterEpoch(Struct, frozen=True, kw_only=True):
    """What was measured after one epoch."""

    point: CurvePoint | None = None
    gradients: GradientNorms | None = None


class SupervisedRun:
    """The parts of one run; `measure` reads as the protocol."""

    def __init__(self, run: Run[SupervisedSpec, Data]) -> None:
        self.run, self.config, self.device = run, run.config, run.device
        self.protocol = run.config.benchmark
        (self.data,) = run.data
        self.split = split(self.data, self.config)
        self.classes = len(self.split.classes[0])
        self.images = RunImages(self.data, self.protocol, self.config.seeds.data, run.device)
        self.checks = RunChecks()
        self.progress = RunProgress(work(self.config, self.split), run.progress)
        self.network = untrained(self.config, self.classes).to(run.device)
        self.trained = 0  # images since the run resumed

    def measure(self) -> RunOutput:
        cost.reset_peak_memory(self.device)
        self._check_start()
        image = torch.zeros(1, *self._image_shape(), device=self.device)
        parameters, flops = cost.by_depth(self.network, nn.Identity(), image)
        training = self._train()
        measured = msgspec.convert(training.measured, list[_AfterEpoch])

        start = perf_counter()
        evaluation = Evaluation(self.network, self.device, self.progress, self.checks)
        measurement = Measurement(self.config, self.data, self.split, self.images, evaluation)
        validation, test = measurement.clean("validation"), measurement.clean("test")
        noise, exits = measurement.noise(), measurement.exits(image)
        measurement.check(self.checks, self.network)
        result = SupervisedResult(
            classes=self.classes,
            class_order=self.split.classes[0],
            rows=RowCounts(
                train=len(self.split.train[0]),
                validation=validation.top1.shape[1],
                test=test.top1.shape[1],
            ),
            steps=training.steps,
            train_loss=training.losses,
            weights="raw" if self.protocol.ema_decay is None else "average",
            validation=validation.scores,
            changes=correctness.changes(validation.top1),
            test=test.scores,
            noise=noise,
            exits=exits,
            skipped=measurement.skipped + self._skipped(),
            held_out_most_frequent=most_frequent(self.data.train_labels[self.split.validation[0]]),
            curve=[m.point for m in measured if m.point is not None],
            gradients=(
                [m.gradients for m in measured if m.gradients is not None]
                if self.protocol.gradients
                else None
            ),
            parameters=parameters,
            flops=flops,
            seconds=Seconds(train=training.seconds, evaluate=perf_counter() - start),
            peak_memory=cost.peak_memory(self.device),
            images_seen=training.rows,
            precision=self.config.precision,
        )
        self.progress.finish()
        return RunOutput(result, measurement.examples, _weights(self.network), self.checks.guards)

    def _train(self) -> TrainOutput:
        """Train; `network` is then the one that is measured."""
        rows = self.split.train[0]
        labels = self.split.position[self.data.train_labels[rows]]
        task = ImageTask(self.images, rows, labels, self.protocol, self.classes)
        trained = training_work(self.config, self.split)
        if not self.protocol.compiled:  # its count would compile each step anew
            self.checks.count_passes(self.network)
        self.training = trainer(
            self.run,
            self.network,
            task,
            recipe(self.config, task.rows),
            share=trained / self.progress.total,
            on_step=self._on_step,
            after_epoch=partial(self._after_epoch, task),
        )
        output = self.training.fit()
        self._check_trained(output)
        self.network = self.training.averaged.to(self.device)
        self.progress.advance_to(trained)
        return output

    def _after_epoch(self, task: ImageTask, epoch: int, batch: Batch) -> Any:
        """What is measured after so many epochs, in JSON; None where nothing is wanted."""
        measured = epoch in self.protocol.evaluated_epochs
        if not measured and not self.protocol.gradients:
            return None
        point = self._point(epoch) if measured else None
        norms = self._gradients(task, epoch, batch) if self.protocol.gradients else None
        return msgspec.to_builtins(_AfterEpoch(point=point, gradients=norms))

    def _point(self, epoch: int) -> CurvePoint:
        network = self.training.averaged.to(self.device)
        aside = RunProgress(1.0, lambda _: None)  # the trainer reports that of the training
        evaluation = Evaluation(network, self.device, aside, RunChecks())
        made = Measurement(self.config, self.data, self.split, self.images, evaluation)
        validation, test = made.clean("validation").scores, made.clean("test").scores
        return CurvePoint(epoch=epoch, validation=validation.top1[-1], test=test.top1[-1])

    def _gradients(self, task: ImageTask, epoch: int, batch: Batch) -> GradientNorms:
        assert isinstance(self.network, Backbone)
        steps = epoch * self.training.steps - 1, self.training.total_steps
        counted = self.checks.passes.images

        def loss() -> Tensor:
            return task.loss(self.network, batch, *steps) / max(batch.weight, 1.0)

        layers = gradients.split(self.network, loss)
        self.checks.passes.images = counted  # these passes train nothing
        return GradientNorms(
            full=[layer.full for layer in layers],
            direct=[layer.direct for layer in layers],
            mediated=[layer.mediated for layer in layers],
        )

    def _on_step(self, step: Step) -> None:
        self.trained += step.rows

    def _skipped(self) -> int:
        """Damaged images among those that are trained on, found by any process."""
        damaged = torch.tensor(list(self.images.train.damage), dtype=torch.int64)
        found = torch.isin(self.split.train[0], damaged).to(self.device, torch.int64)
        return int((distributed.current().total(found) > 0).sum())

    def _image_shape(self) -> tuple[int, int, int]:
        shape = self.protocol.image_shape(self.data.image_shape)
        assert shape is not None
        return shape

    # ------------------------------------------------------------ guards

    def _check_start(self) -> None:
        """Check the split before anything is trained."""
        self.checks.guards.append(guards.train_and_validation_disjoint(self.split))
        if isinstance(self.data, ImageData):
            self.checks.guards.append(guards.train_and_test_disjoint([self.data], self.data))
        else:
            made = guards.train_and_test_files_disjoint(self.data.train, self.data.test)
            self.checks.guards.append(made)

    def _check_trained(self, training: TrainOutput) -> None:
        """Check the number of images that this process trained on; later passes with gradients count FLOPs."""
        alone = self.run.world_size == 1
        if self.protocol.compiled or self.images.train.damage or not alone:
            return
        self.checks.passes.images += training.rows - self.trained  # before it resumed
        self.checks.images(training.rows, self.protocol.epochs * len(self.split.train[0]))


def _weights(network: nn.Module) -> dict[str, Tensor]:
    """Under the names of a weights file."""
    weights = weights_on_cpu(network)
    return {name if name.startswith("head.") else f"backbone.{name}": t for name, t in weights.items()}  # fmt: skip
