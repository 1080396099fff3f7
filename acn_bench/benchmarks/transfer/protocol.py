"""RunConfig of a transfer -> TransferResult: train on a source, then fine-tune and probe on a target."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import perf_counter

import torch
from torch import Tensor, nn

from acn_bench import metrics
from acn_bench.backbones import Backbone, truncate
from acn_bench.benchmarks.run import Run, RunOutput
from acn_bench.benchmarks.transfer.cost import work
from acn_bench.benchmarks.transfer.result import (
    Accuracy,
    Probed,
    RowCounts,
    Trained,
    TransferResult,
)
from acn_bench.benchmarks.transfer.spec import TransferConfig, TransferSpec
from acn_bench.data.batches import Rows
from acn_bench.data.generators import preserved_generators, seed_everything
from acn_bench.data.images import ImageData
from acn_bench.data.split import Split, whole
from acn_bench.evaluation import correctness, cost, guards, linear_probe
from acn_bench.evaluation.correctness import Correct
from acn_bench.evaluation.cost import EVALUATED
from acn_bench.result import Guard, Seconds
from acn_bench.training.loop import TrainConfig, train
from acn_bench.training.network import one_head
from acn_bench.training.row_model import RowModel
from acn_bench.training.schemes import Scheme, scheme

GATHERED = 1000  # images that lie on the device as floats at once


def measure(run: Run[TransferSpec, ImageData]) -> RunOutput:
    """Run the protocol. Raises ValueError where data and protocol do not fit, DivergedError on NaN."""
    with preserved_generators():
        return TransferRun(run).measure()


class Side:
    """One data set of a transfer, on the device."""

    def __init__(self, config: TransferConfig, data: ImageData, device: torch.device) -> None:
        protocol = config.benchmark
        self.data = data
        self.split: Split = whole(data, protocol.validation, config.seeds.data)
        self.classes = len(data.class_names)
        self.rows = Rows(
            torch.cat([data.train_images, data.test_images]).to(device),
            seed=config.seeds.data,
            crop_padding=protocol.crop_padding,
            flip=protocol.flip and data.flips,
        )
        first = len(data.train_labels)  # test rows follow the training rows
        self.labels = torch.cat([data.train_labels, data.test_labels]).to(device)
        self.train = self.split.train[0].to(device)
        self.validation = self.split.validation[0].to(device)
        self.test = (self.split.test[0] + first).to(device)

    @property
    def counts(self) -> RowCounts:
        """How many rows serve for what."""
        return RowCounts(
            train=len(self.train), validation=len(self.validation), test=len(self.test)
        )


class TransferRun:
    """The state of one run; `measure` reads as the protocol."""

    def __init__(self, run: Run[TransferSpec, ImageData]) -> None:
        config, (source, target), device = run.config, run.data, run.device
        self.config, self.protocol, self.device = config, config.benchmark, device
        self.source, self.target = (Side(config, data, device) for data in (source, target))
        self.guards: list[Guard] = []
        self.examples: dict[str, Tensor] = {}
        self._modes: list[bool] = []  # of each measurement: whether a part was in training mode
        self._passes = guards.Passes()
        self._done, self._all = 0.0, work(config, run.data)
        self._progress = run.progress
        self._evaluating = 0.0  # seconds

    # ------------------------------------------------------------ the protocol

    def measure(self) -> RunOutput:
        cost.reset_peak_memory(self.device)
        start = perf_counter()
        self._check_start()
        model = one_head(self.config, self.source.classes, self.source.rows).to(self.device)
        whole_model = self._on_target(copy.deepcopy(model.backbone), model.head)
        image = self.target.rows.plain(self.target.train[:1])
        parameters, flops = cost.by_depth(whole_model.backbone, whole_model.head, image)
        # at the stem, which every pass goes through, whichever depths are read
        getattr(model.backbone, "stem", model.backbone).register_forward_pre_hook(self._passes)

        source = self._trained(model, self.source, self._source_fitting())
        self._advance_to(self.protocol.epochs * len(self.source.train))
        cut = self._cut(model, source)
        probed = self._probed(model)
        whole_model = self._on_target(copy.deepcopy(model.backbone), model.head)
        finetuned = self._trained(whole_model, self.target, self._target_fitting("fine-tuning"))
        finetuned_cut = self._finetuned_cut(model, cut, finetuned)
        self._check_end(whole_model)

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
            parameters=parameters,
            flops=flops,
            seconds=Seconds(
                train=perf_counter() - start - self._evaluating, evaluate=self._evaluating
            ),
            peak_memory=cost.peak_memory(self.device),
            images_seen=self.source.rows.trained + self.target.rows.trained,
            precision=self.config.precision,
        )
        self._progress(1.0)
        for name, side in (("source", self.source), ("target", self.target)):
            self.examples[f"{name}.validation.rows"] = side.split.validation[0]
            self.examples[f"{name}.test.rows"] = side.split.test[0]
        weights = {k: v.detach().cpu().contiguous() for k, v in whole_model.state_dict().items()}
        return RunOutput(result, self.examples, weights, self.guards)

    def _cut(self, model: RowModel, source: Trained) -> int | None:
        """How many blocks are enough on held-out source rows; None where none can be said."""
        curve = source.accuracy.validation
        telling = metrics.above_chance(
            curve[-1], 1 / self.source.classes, len(self.source.validation)
        )
        if not isinstance(model.backbone, Backbone) or not telling:
            return None
        return metrics.utilised_depth(curve, self.protocol.tolerance)

    def _finetuned_cut(
        self, model: RowModel, cut: int | None, finetuned: Trained
    ) -> Trained | None:
        """The source's network cut, and then fine-tuned; the whole one again where all blocks stay."""
        backbone = model.backbone
        if cut is None or not isinstance(backbone, Backbone):
            return None
        if cut == backbone.depth:
            return finetuned
        smaller = self._on_target(truncate(backbone, cut), model.head)
        fitting = self._target_fitting("fine-tuning the cut network")
        return self._trained(smaller, self.target, fitting)

    # ------------------------------------------------------------ training

    def _source_fitting(self) -> TrainConfig:
        p = self.protocol
        fitting = self._fitting("the source", p.epochs, p.learning_rate, scheme(p.scheme))
        # an arm that stops at an accuracy does not know when: rates that rise over the steps would stay near none
        return replace(fitting, checks=p.checks_per_epoch, from_scratch=p.source_accuracy is None)

    def _target_fitting(self, stage: str) -> TrainConfig:
        p = self.protocol
        how = scheme(p.scheme) if p.finetune_scheme == "source" else Scheme()
        return self._fitting(stage, p.finetune_epochs, p.finetune_learning_rate, how)

    def _fitting(self, stage: str, count: int, rate: float, how: Scheme) -> TrainConfig:
        return TrainConfig(
            stage=stage,
            epochs=count,
            batch_size=self.protocol.batch_size,
            learning_rate=rate,
            weight_decay=self.protocol.weight_decay,
            scheme=how,
            from_scratch=False,
            seed=self.config.seeds.data,
        )

    def _on_target(self, backbone: nn.Module, old: nn.Module) -> RowModel:
        """What the source left, with a new head; the head depends on the seed of the weights alone."""
        assert isinstance(old, nn.Linear)
        seed_everything("target head", self.config.seeds.init)
        head = nn.Linear(old.in_features, self.target.classes)
        return RowModel(backbone, head, self.target.rows).to(self.device)

    def _trained(self, model: RowModel, side: Side, fitting: TrainConfig) -> Trained:
        """Train; on the source, until the held-out accuracy is what the protocol asks for."""
        losses: list[float] = []
        held_out: list[float] = []
        wanted = self.protocol.source_accuracy if side is self.source else None
        labels = side.labels[side.train]
        for loss in train(model, side.train, labels, fitting, self._advance):
            losses.append(loss)
            right = self._right(model, side, side.validation, depths=False)
            held_out.append(correctness.shares(right.depths)[-1])
            if wanted is not None and held_out[-1] >= wanted:
                break
        validation, test = (
            self._right(model, side, rows).depths for rows in (side.validation, side.test)
        )
        name = fitting.stage.replace(" ", "_")
        self.examples |= {
            f"{name}.validation": validation.to(torch.uint8), f"{name}.test": test.to(torch.uint8)
        }  # fmt: skip
        return Trained(
            train_loss=losses,
            held_out=held_out,
            accuracy=Accuracy(
                validation=correctness.shares(validation), test=correctness.shares(test)
            ),
            changes=correctness.changes(validation),
        )

    # ------------------------------------------------------------ measuring

    def _right(
        self,
        model: RowModel,
        side: Side,
        rows: Tensor,
        *,
        depths: bool = True,
        at_once: int | None = None,
    ) -> Correct:
        """What the model has right of these rows, after 0 … L blocks."""
        with self._timed(), correctness.evaluating(model):
            self._modes.append(any(m.training for m in model.modules()))
            features = self._features(model, rows, depths=depths, at_once=at_once)
            return correctness.correct(model.head(features), side.labels[rows])

    def _features(
        self, model: RowModel, rows: Tensor, *, depths: bool = True, at_once: int | None = None
    ) -> Tensor:
        """What a head reads of these rows, (L+1, N, D); the model is in evaluation mode."""
        found = []
        for part in rows.split(GATHERED):
            images = model.rows.plain(part)
            found.append(
                correctness.features(model.backbone, images, depths=depths, at_once=at_once)
            )
            self._advance(EVALUATED * len(part))
        return torch.cat(found, dim=1)

    def _probed(self, model: RowModel) -> Probed:
        """A linear probe for each depth, on the network as the source left it."""
        side = self.target
        frozen = RowModel(model.backbone, model.head, side.rows)
        with self._unnoticed(model, "reading features for the probes"), self._timed():
            with correctness.evaluating(frozen):
                self._modes.append(any(m.training for m in frozen.modules()))
                sets = (side.train, side.validation, side.test)
                features = [self._features(frozen, rows) for rows in sets]
            labels = [side.labels[rows] for rows in sets]
            right: list[list[Tensor]] = [[], []]
            penalties = []
            for train, *others in zip(*features, strict=True):
                fitted = linear_probe.fit(
                    (train, labels[0]),
                    (others[0], labels[1]),
                    side.classes,
                    self.protocol.probe_penalties,
                )
                penalties.append(fitted.penalty)
                for k, mine in enumerate(others):
                    right[k].append(fitted(mine).argmax(dim=1) == labels[k + 1])
        validation, test = (torch.stack(rows).cpu() for rows in right)
        self.examples |= {
            "probe.validation": validation.to(torch.uint8), "probe.test": test.to(torch.uint8)
        }  # fmt: skip
        accuracy = Accuracy(
            validation=correctness.shares(validation), test=correctness.shares(test)
        )
        return Probed(accuracy=accuracy, penalties=penalties)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        start = perf_counter()
        yield
        self._evaluating += perf_counter() - start

    def _advance(self, images: float) -> None:
        self._advance_to(self._done + images)

    def _advance_to(self, images: float) -> None:
        """Who stops early has done all that was planned."""
        self._done = max(self._done, images)
        self._progress(min(self._done / self._all, 1.0))

    # ------------------------------------------------------------ guards

    def _check_start(self) -> None:
        """What must be so before anything is trained."""
        self.guards += [guards.held_out(side.split) for side in (self.source, self.target)]
        self.guards.append(guards.disjoint([self.source.data, self.target.data], self.target.data))

    def _check_end(self, model: RowModel) -> None:
        """Measure once more, in another order and other slices; see that nothing noticed, and count."""
        rows = self.target.validation
        with self._unnoticed(model, "evaluation"):
            first = self._right(model, self.target, rows)
            other = self._right(model, self.target, rows.flip(0), at_once=37)
        trained = self.source.rows.trained + self.target.rows.trained
        self.guards += [
            guards.stable([first], [other]),
            guards.modes(self._modes),
            guards.images(trained, self._passes.images, trained),
        ]

    @contextmanager
    def _unnoticed(self, model: nn.Module, what: str) -> Iterator[None]:
        with guards.watched(model) as unchanged:
            yield
        self.guards.append(guards.unnoticed(what, unchanged()))
