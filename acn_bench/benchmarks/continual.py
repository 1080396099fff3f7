"""RunConfig of a continual benchmark -> RunResult: train on one experience after the other, and measure."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from acn_bench import backbones, metrics
from acn_bench.benchmarks import cost, evaluation
from acn_bench.benchmarks.evaluation import Right
from acn_bench.benchmarks.split import split
from acn_bench.benchmarks.work import EVALUATED, work
from acn_bench.data import noise
from acn_bench.data.batches import Rows
from acn_bench.data.images import ImageData
from acn_bench.records import Guard, Matrix, NoiseResult, RunResult, Seconds, Validation
from acn_bench.spec import FactorySpec, JointSpec, RunConfig
from acn_bench.strategies.chance import Seeded, generators_kept, seed_everything
from acn_bench.strategies.learner import learner, prediction
from acn_bench.strategies.model import MultiHeadRowModel, RowModel, heads
from acn_bench.strategies.stream import NumberedRows, class_stream
from acn_bench.strategies.watch import Watch

Progress = Callable[[float], None]  # the share of the run that is done, in [0, 1]


@dataclass(frozen=True)
class Measured:
    """What a run leaves: the record's result, what lies beside it, and the checks that ran."""

    result: RunResult
    examples: dict[
        str, Tensor
    ]  # correct or not, per example; what a strategy predicts with beside its head
    weights: dict[str, Tensor]
    guards: list[Guard]


def measure(
    config: RunConfig, data: ImageData, device: torch.device, progress: Progress = lambda _: None
) -> Measured:
    """Run the protocol. Raises ValueError where data and protocol do not fit, DivergedError on NaN."""
    with generators_kept():
        return ContinualRun(config, data, device, progress).measure()


class ContinualRun:
    """The state of one run; `measure` reads as the protocol."""

    def __init__(
        self,
        config: RunConfig,
        data: ImageData,
        device: torch.device,
        progress: Progress = lambda _: None,
    ) -> None:
        self.config, self.data, self.device = config, data, device
        self.protocol = config.benchmark
        self.own_heads = self.protocol.heads == "each"
        self.split = split(data, self.protocol, config.seeds)
        self.guards: list[Guard] = []
        self._done, self._all, self._progress = 0.0, work(config, data), progress

        images = torch.cat([data.train_images, data.test_images]).to(device)
        self.rows = Rows(
            images,
            seed=config.seeds.data,
            crop_padding=self.protocol.crop_padding,
            flip=self.protocol.flip and data.flips,
        )
        self.model = self._model().to(device)
        self.watch = Watch(self.rows, self._advance)
        self.learner = learner(
            config.strategy,
            self.model,
            self.protocol,
            device,
            [Seeded(config.seeds.data, self.rows), self.watch],
        )
        self.prediction = prediction(self.learner, self.model)

    # ------------------------------------------------------------ the protocol

    def measure(self) -> Measured:
        cost.reset_peak_memory(self.device)
        stream = self._stream()
        self._check_split()
        parameters, flops = cost.by_depth(
            self.model.backbone,
            self.model.head,
            self.rows.plain(torch.tensor([0], device=self.device)),
        )
        initial = self._initial_accuracy()

        T = self.protocol.experiences
        tests, validations, masked = _Table(T), _Table(T), _Table(T)
        train_seconds = evaluate_seconds = 0.0
        joint = isinstance(self.config.strategy, JointSpec)
        noise_after: dict[tuple[str, float], _Table] = {}
        for i in range(T):
            start = perf_counter()
            if joint and i < T - 1:
                continue  # all at once, with the last
            self._train(stream.train_stream if joint else stream.train_stream[i])
            train_seconds += perf_counter() - start

            start = perf_counter()
            right = self._right(i, self.split.test, test=True)
            tests.add(i, [r.depths for r in right])
            if not self.own_heads:
                masked.add(i, [r.masked.unsqueeze(0) for r in right if r.masked is not None])
            held = self._right(i, self.split.validation, test=False)
            validations.add(i, [r.depths for r in held])
            if self.protocol.noise_after == "every" or i == T - 1:
                for key, noisy in self._noisy(i):
                    noise_after.setdefault(key, _Table(T)).add(i, [r.depths for r in noisy])
            evaluate_seconds += perf_counter() - start
        self._check_evaluation()

        has_depths = self.prediction.every_depth and isinstance(
            self.model.backbone, backbones.Backbone
        )
        result = RunResult(
            classes=self.split.classes,
            accuracy=tests.accuracy,
            masked_accuracy=None if self.own_heads else masked.accuracy,
            initial_accuracy=initial,
            depth_accuracy=tests.depth_accuracy if has_depths else None,
            noise=[
                NoiseResult(corruption=name, level=level, accuracy=table.accuracy)
                for (name, level), table in noise_after.items()
            ],
            validation=Validation(
                accuracy=validations.accuracy,
                depth_accuracy=validations.depth_accuracy if has_depths else None,
                counts=[len(rows) for rows in self.split.validation],
                changes=metrics.changes(validations.last.tolist()) if has_depths else None,
            ),
            test_counts=[len(rows) for rows in self.split.test],
            train_loss=self.watch.loss,
            parameters=parameters,
            flops=flops,
            seconds=Seconds(train=train_seconds, evaluate=evaluate_seconds),
            peak_memory=cost.peak_memory(self.device),
            images_seen=self.watch.images_seen,
            precision=self.config.precision,
        )
        self._progress(1.0)
        examples = {
            "test.rows": torch.cat(self.split.test),
            "validation.rows": torch.cat(self.split.validation),
        }
        examples |= tests.examples("test") | validations.examples("validation")
        examples |= masked.examples("test.masked")
        for (name, level), table in noise_after.items():
            examples |= table.examples(f"test.{name}.{level}")
        examples |= self.prediction.state
        return Measured(result, examples, self._weights(), self.guards)

    # ------------------------------------------------------------ building

    def _model(self) -> RowModel | MultiHeadRowModel:
        per, seed = self.protocol.classes_per_experience, self.config.seeds.init
        seed_everything("backbone", seed)
        network = _network(self.config, per)
        assert isinstance(network.head, nn.Linear)
        width = network.head.in_features
        classes = [per] * self.protocol.experiences
        if self.own_heads:
            return MultiHeadRowModel(network, heads(width, classes, seed), self.rows)
        return RowModel(network, heads(width, [sum(classes)], seed)[0], self.rows)

    def _stream(self) -> Any:
        before = torch.random.get_rng_state()
        train = torch.cat(self.split.train)
        test = torch.cat(self.split.test)
        stream = class_stream(
            NumberedRows(train, self.split.position[self.data.train_labels[train]]),
            NumberedRows(
                test + len(self.data.train_labels), self.split.position[self.data.test_labels[test]]
            ),
            experiences=self.protocol.experiences,
            own_heads=self.own_heads,
        )
        self._guard(
            "building the stream leaves the random state alone",
            torch.equal(before, torch.random.get_rng_state()),
        )
        return stream

    # ------------------------------------------------------------ training

    def _train(self, experiences: Any) -> None:
        self.learner.train(experiences, eval_streams=[], num_workers=0)

    def _advance(self, images: float) -> None:
        self._done += images
        self._progress(min(self._done / self._all, 1.0))

    # ------------------------------------------------------------ measuring

    def _right(
        self,
        i: int,
        split: list[Tensor],
        *,
        test: bool,
        corrupt: Callable[..., Tensor] | None = None,
    ) -> list[Right]:
        """After experience i: what is right of each experience j that has a head.

        `corrupt(images, indices=)` gives the images that the network sees instead, at full depth only.
        """
        upto = i + 1 if self.own_heads else len(split)
        offset = len(self.data.train_labels) if test else 0
        labels = self.data.test_labels if test else self.data.train_labels
        depths = corrupt is None and self.prediction.every_depth
        found = []
        with evaluation.evaluating(self.model):
            for j in range(upto):
                rows = split[j].to(self.device)
                images = self.rows.plain(rows + offset)
                if corrupt is not None:
                    images = corrupt(images, indices=rows)
                read = evaluation.features(self.model.backbone, images, depths=depths)
                said = self.split.label(labels[split[j]], own_heads=self.own_heads)
                logits = self.prediction.logits(read, j)
                found.append(evaluation.correct(logits, said.to(self.device), self._own(j)))
                self._advance(EVALUATED * len(rows))
        return found

    def _own(self, j: int) -> range | None:
        """The classes of experience j among the logits of one head; None with a head each."""
        count = self.protocol.classes_per_experience
        return None if self.own_heads else range(j * count, (j + 1) * count)

    def _initial_accuracy(self) -> list[float] | None:
        """On each experience before training; None where there is nothing yet to predict with."""
        if self.own_heads or not self.prediction.ready:
            return None
        right = self._right(0, self.split.test, test=True)
        return [evaluation.shares(r.depths)[-1] for r in right]

    def _noisy(self, i: int) -> Any:
        for name, levels in self.protocol.noise.items():
            for level in levels:
                corrupt = _corruption(name, level, self.config.seeds.noise)
                yield (name, level), self._right(i, self.split.test, test=True, corrupt=corrupt)

    def _weights(self) -> dict[str, Tensor]:
        return {k: v.detach().cpu().contiguous() for k, v in self.model.state_dict().items()}

    # ------------------------------------------------------------ guards

    def _guard(self, name: str, passed: bool, detail: str = "") -> None:
        self.guards.append(Guard(name=name, passed=bool(passed), detail=detail))

    def _check_split(self) -> None:
        split, data = self.split, self.data
        arrived = [c for classes in split.classes for c in classes]
        wanted = self.protocol.experiences * self.protocol.classes_per_experience
        self._guard(
            "every class that is to come arrives once",
            len(arrived) == len(set(arrived)) == wanted,
            f"{len(arrived)} of the {len(data.class_names)} classes of {data.name}",
        )
        train, held = torch.cat(split.train), torch.cat(split.validation)
        self._guard(
            "no row is both trained on and held out",
            not torch.isin(held, train).any() and len(train.unique()) == len(train),
            f"{len(train)} trained on, {len(held)} held out",
        )

    def _check_evaluation(self) -> None:
        """Evaluate once more, and see that neither the model nor the random state noticed."""
        weights = [t.clone() for t in self.model.state_dict().values()]
        modes = [m.training for m in self.model.modules()]
        random = torch.random.get_rng_state()
        self._right(0, self.split.validation, test=False)
        same = all(map(torch.equal, weights, self.model.state_dict().values()))
        self._guard(
            "evaluation changes neither the model nor the random state",
            same
            and modes == [m.training for m in self.model.modules()]
            and torch.equal(random, torch.random.get_rng_state()),
        )


class _Table:
    """Right or not after each experience, gathered into matrices (T, T)."""

    def __init__(self, experiences: int) -> None:
        self.experiences = experiences
        self.right: dict[int, list[Tensor]] = {}  # i -> for each j, (L+1, M_j) of bool

    def add(self, i: int, right: list[Tensor]) -> None:
        self.right[i] = right

    @property
    def depth_accuracy(self) -> list[list[list[float] | None]]:
        return [
            [self._cell(i, j) for j in range(self.experiences)] for i in range(self.experiences)
        ]

    @property
    def accuracy(self) -> Matrix:
        return [[cell[-1] if cell else None for cell in row] for row in self.depth_accuracy]

    @property
    def last(self) -> Tensor:
        """Right or not at the end of the stream, (L+1, all examples) of bool."""
        return torch.cat(self.right[self.experiences - 1], dim=1)

    def examples(self, name: str) -> dict[str, Tensor]:
        """`<name>.after<i>`: (depths, all examples so far) of uint8, experience after experience.

        Every depth at the end of the stream, full depth alone before it.
        """
        last = self.experiences - 1
        return {
            f"{name}.after{i}": torch.cat(right, dim=1)[0 if i == last else -1 :].to(torch.uint8)
            for i, right in self.right.items()
        }

    def _cell(self, i: int, j: int) -> list[float] | None:
        right = self.right.get(i, [])
        return evaluation.shares(right[j]) if j < len(right) else None


def _network(config: RunConfig, num_classes: int) -> nn.Module:
    if isinstance(config.backbone, FactorySpec):
        return backbones.from_factory(config.backbone.factory, num_classes)
    return backbones.from_spec(config.backbone, num_classes, precision=config.precision)


def _corruption(name: str, level: float, seed: int) -> Callable[..., Tensor]:
    function = noise.CORRUPTIONS[name]

    def corrupt(images: Tensor, indices: Tensor) -> Tensor:
        return function(images, level, seed=seed, indices=indices)

    return corrupt
