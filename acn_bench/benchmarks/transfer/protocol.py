"""RunConfig of a transfer -> TransferResult: train on a source, then fine-tune and probe on a target."""

import copy
from dataclasses import replace
from time import perf_counter

from torch import Tensor, nn

from acn_bench import metrics
from acn_bench.backbones import Backbone, truncate
from acn_bench.benchmarks.device_data import DeviceData
from acn_bench.benchmarks.run import Run, RunOutput, weights_on_cpu
from acn_bench.benchmarks.run_checks import RunChecks
from acn_bench.benchmarks.run_progress import RunProgress
from acn_bench.benchmarks.transfer.cost import work
from acn_bench.benchmarks.transfer.evaluation import TransferEvaluation, examples
from acn_bench.benchmarks.transfer.result import Accuracy, Probed, Trained, TransferResult
from acn_bench.benchmarks.transfer.spec import TransferSpec
from acn_bench.data.generators import preserved_generators, seed_everything
from acn_bench.data.images import ImageData
from acn_bench.data.split import most_frequent
from acn_bench.evaluation import correctness, cost, guards
from acn_bench.evaluation.correctness import Correct
from acn_bench.result import Seconds
from acn_bench.training.loop import TrainConfig, train, until
from acn_bench.training.network import one_head
from acn_bench.training.row_model import RowModel
from acn_bench.training.schemes import Scheme, scheme


def measure(run: Run[TransferSpec, ImageData]) -> RunOutput:
    """Run the protocol.

    Raises ValueError if data and protocol do not fit, DivergedError if the loss is nan or infinite.
    """
    with preserved_generators():
        return TransferRun(run).measure()


class TransferRun:
    """The parts of one run; `measure` reads as the protocol."""

    def __init__(self, run: Run[TransferSpec, ImageData]) -> None:
        config, (source, target), device = run.config, run.data, run.device
        self.config, self.protocol, self.device = config, config.benchmark, device
        self.source, self.target = (
            DeviceData(data, config.benchmark, config.seeds.data, device)
            for data in (source, target)
        )
        self.checks = RunChecks()
        self.progress = RunProgress(work(config, run.data), run.progress)
        self.evaluation = TransferEvaluation(self.progress, self.checks)
        self.examples: dict[str, Tensor] = {}

    # ------------------------------------------------------------ the protocol

    def measure(self) -> RunOutput:
        cost.reset_peak_memory(self.device)
        start = perf_counter()
        self._check_start()
        model = one_head(self.config, self.source.classes, self.source.rows).to(self.device)
        whole_model = self._with_target_head(copy.deepcopy(model.backbone), model.head)
        image = self.target.rows.plain(self.target.train[:1])
        parameters, flops = cost.by_depth(whole_model.backbone, whole_model.head, image)
        self.checks.count_passes(model.backbone)

        source = self._train(model, self.source, self._source_training())
        self.progress.advance_to(self.protocol.epochs * len(self.source.train))
        cut = self._cut(model, source)
        probed = self._probe(model)
        whole_model = self._with_target_head(copy.deepcopy(model.backbone), model.head)
        finetuned = self._train(whole_model, self.target, self._target_training("fine-tuning"))
        finetuned_cut = self._finetune_cut(model, cut, finetuned)
        self._check_end(whole_model)

        evaluate_seconds = self.evaluation.seconds
        result = TransferResult(
            source=source,
            cut=cut,
            probed=probed,
            finetuned=finetuned,
            finetuned_cut=finetuned_cut,
            source_rows=self.source.counts,
            target_rows=self.target.counts,
            source_classes=self.source.classes,
            target_classes=self.target.classes,
            held_out_most_frequent=most_frequent(self.target.labels[self.target.validation]),
            parameters=parameters,
            flops=flops,
            seconds=Seconds(
                train=perf_counter() - start - evaluate_seconds, evaluate=evaluate_seconds
            ),
            peak_memory=cost.peak_memory(self.device),
            images_seen=self._images_trained(),
            precision=self.config.precision,
        )
        self.progress.finish()
        for name, side in (("source", self.source), ("target", self.target)):
            self.examples[f"{name}.validation.rows"] = side.split.validation[0]
            self.examples[f"{name}.test.rows"] = side.split.test[0]
        weights = weights_on_cpu(whole_model)
        return RunOutput(result, self.examples, weights, self.checks.guards)

    def _cut(self, model: RowModel, source: Trained) -> int | None:
        """The utilised depth on held-out source rows; None at chance level, or if the network has no depths."""
        curve, held_out = source.accuracy.validation, self.source.validation
        chance = most_frequent(self.source.labels[held_out])
        above_chance = metrics.above_chance(curve[-1], chance, len(held_out))
        if not isinstance(model.backbone, Backbone) or not above_chance:
            return None
        return metrics.utilised_depth(curve, self.protocol.tolerance)

    def _finetune_cut(self, model: RowModel, cut: int | None, finetuned: Trained) -> Trained | None:
        """Cut the source's network and fine-tune it; `finetuned` itself if all blocks stay."""
        backbone = model.backbone
        if cut is None or not isinstance(backbone, Backbone):
            return None
        if cut == backbone.depth:
            return finetuned
        smaller = self._with_target_head(truncate(backbone, cut), model.head)
        training = self._target_training("fine-tuning the cut network")
        return self._train(smaller, self.target, training)

    # ------------------------------------------------------------ training

    def _source_training(self) -> TrainConfig:
        p = self.protocol
        training = self._training("the source", p.epochs, p.learning_rate, scheme(p.scheme))
        # an arm that stops at an accuracy does not know its number of steps, over which rates would rise
        return replace(training, checks=p.checks_per_epoch, from_scratch=p.source_accuracy is None)

    def _target_training(self, stage: str) -> TrainConfig:
        p = self.protocol
        target_scheme = scheme(p.scheme) if p.finetune_scheme == "source" else Scheme()
        return self._training(stage, p.finetune_epochs, p.finetune_learning_rate, target_scheme)

    def _training(self, stage: str, epochs: int, rate: float, used: Scheme) -> TrainConfig:
        return TrainConfig(
            stage=stage,
            epochs=epochs,
            batch_size=self.protocol.batch_size,
            learning_rate=rate,
            weight_decay=self.protocol.weight_decay,
            scheme=used,
            from_scratch=False,
            seed=self.config.seeds.data,
        )

    def _with_target_head(self, backbone: nn.Module, source_head: nn.Module) -> RowModel:
        """The backbone with a new head for the target's classes; the head depends on `seeds.init` only."""
        assert isinstance(source_head, nn.Linear)
        seed_everything("target head", self.config.seeds.init)
        head = nn.Linear(source_head.in_features, self.target.classes)
        return RowModel(backbone, head, self.target.rows).to(self.device)

    def _train(self, model: RowModel, side: DeviceData, training: TrainConfig) -> Trained:
        """Train and measure. On the source, stop at the protocol's held-out accuracy, if it has one."""
        correct = self.evaluation.correct

        def accuracy() -> float:
            outcomes = correct(model, side, side.validation, depths=False).depths
            return correctness.shares(outcomes)[-1]

        enough = self.protocol.source_accuracy if side is self.source else None
        labels = side.labels[side.train]
        steps = train(model, side.train, labels, training, self.progress.add)
        losses, held_out = until(steps, accuracy, enough)
        validation, test = (
            correct(model, side, rows).depths for rows in (side.validation, side.test)
        )
        self.examples |= examples(training.stage.replace(" ", "_"), validation, test)
        return Trained(
            train_loss=losses,
            held_out=held_out,
            accuracy=Accuracy(
                validation=correctness.shares(validation), test=correctness.shares(test)
            ),
            changes=correctness.changes(validation),
        )

    def _probe(self, model: RowModel) -> Probed:
        """Probe every depth of the source's network on the target."""
        penalties = self.protocol.probe_penalties
        probed, outcomes = self.evaluation.probe(model, self.target, penalties)
        self.examples |= outcomes
        return probed

    def _images_trained(self) -> int:
        return self.source.rows.trained + self.target.rows.trained

    # ------------------------------------------------------------ guards

    def _check_start(self) -> None:
        """Check the splits before anything is trained."""
        self.checks.guards += [
            guards.train_and_validation_disjoint(side.split) for side in (self.source, self.target)
        ]
        self.checks.guards.append(
            guards.train_and_test_disjoint(
                [self.source.images, self.target.images], self.target.images
            )
        )

    def _check_end(self, model: RowModel) -> None:
        """Check the measurements by repeating one; check the number of images."""

        def held_out(reverse: bool, at_once: int | None) -> list[Correct]:
            rows = self.target.validation
            rows = rows.flip(0) if reverse else rows
            return [self.evaluation.correct(model, self.target, rows, at_once=at_once)]

        self.checks.repeated(model, held_out)
        self.checks.images(self._images_trained(), self._images_trained())
