"""RunConfig of a continual benchmark -> ContinualResult: train on one experience after the other, and measure."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Any, Literal

import torch
from torch import Tensor, nn

from acn_bench import backbones
from acn_bench.benchmarks.continual import guards as continual_guards
from acn_bench.benchmarks.continual.cost import work
from acn_bench.benchmarks.continual.network import row_model
from acn_bench.benchmarks.continual.probing import Probed, Probing
from acn_bench.benchmarks.continual.result import ContinualResult, NoiseResult, Validation
from acn_bench.benchmarks.continual.run_state import RunState
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.benchmarks.continual.split import split
from acn_bench.benchmarks.run import Run, RunOutput
from acn_bench.config import Seeds
from acn_bench.data.batches import Rows
from acn_bench.data.images import ImageData
from acn_bench.evaluation import correctness, cost, guards
from acn_bench.evaluation.correctness import Correct
from acn_bench.evaluation.cost import EVALUATED
from acn_bench.registry import CORRUPTIONS
from acn_bench.result import Guard, Seconds
from acn_bench.strategies.budget import Budget
from acn_bench.strategies.epoch_hooks import EpochHooks
from acn_bench.strategies.learner import learner, prediction
from acn_bench.strategies.monitor import TrainingMonitor
from acn_bench.strategies.scheme_adapter import SchemeAdapter
from acn_bench.strategies.seeding import Seeded, preserved_generators
from acn_bench.strategies.state import learner_state, restore_learner, state_of
from acn_bench.strategies.stream import Examples, NumberedRows, class_stream
from acn_bench.training.resume import State
from acn_bench.training.schemes import DepthScheme, scheme


def measure(run: Run[ContinualSpec, ImageData]) -> RunOutput:
    """Run the protocol, from where its checkpoint was written last.

    Raises ValueError where data and protocol do not fit, DivergedError where the loss is no number.
    """
    cost.reset_peak_memory(run.device)
    with preserved_generators():
        return ContinualRun(run).measure()


class ContinualRun:
    """The state of one run; `measure` reads as the protocol."""

    def __init__(self, run: Run[ContinualSpec, ImageData]) -> None:
        config, (data,), device, progress = run.config, run.data, run.device, run.progress
        self.config, self.data, self.device = config, data, device
        self.protocol = config.benchmark
        self.task_incremental = self.protocol.task_incremental
        assert config.strategy is not None
        if why := config.strategy.refusal(self.protocol):
            raise ValueError(f"{config.strategy.name}: {why}")
        self.strategy = config.strategy
        self.split = split(data, self.protocol, config.seeds)
        self.guards: list[Guard] = []
        self._modes: list[bool] = []  # of each measurement: whether a part was in training mode
        self._passes = guards.Passes()
        self._done, self._all, self._progress = 0.0, work(config, data), progress
        self._lap = perf_counter()

        images = torch.cat([data.train_images, data.test_images]).to(device)
        self.rows = Rows(
            images,
            seed=config.seeds.data,
            crop_padding=self.protocol.crop_padding,
            flip=self.protocol.flip and data.flips,
        )
        self.model = row_model(config, self.rows).to(device)
        timed = self.protocol.seconds is not None
        self.monitor = TrainingMonitor(self.rows, (lambda _: None) if timed else self._advance)
        self.budget = self._budget()
        self.learner = learner(
            config.strategy,
            self.model,
            self.protocol,
            device,
            [
                *([self.budget] if self.budget else []),  # its clock starts first
                Seeded(config.seeds.data, self.rows, self.protocol.epochs),
                self.monitor,
            ],
        )
        trained_by = scheme(self.protocol.scheme)
        if isinstance(trained_by, DepthScheme):
            SchemeAdapter(self.learner, trained_by, from_scratch=config.strategy.restarts)
        self.prediction = prediction(self.learner, self.model)
        self.found = RunState(self.protocol.experiences)
        self.boundaries = EpochHooks(self.learner, self._between_epochs)
        self.checkpoint = run.checkpoint if state_of(self.learner) else None

    # ------------------------------------------------------------ the protocol

    def measure(self) -> RunOutput:
        stream = self._stream()
        self._check_start(stream)
        parameters, flops = cost.by_depth(
            self.model.backbone,
            self.model.head,
            self.rows.plain(torch.tensor([0], device=self.device)),
        )
        # at the stem, which every pass goes through, whichever depths a scheme reads
        entrance = getattr(self.model.backbone, "stem", self.model.backbone)
        entrance.register_forward_pre_hook(self._passes)
        found = self.found
        if not self._resumed(stream):
            found.initial = self._initial_accuracy()

        T = self.protocol.experiences
        joint = self.strategy.at_once  # with the last
        for i in range(T - 1 if joint else 0, T):
            self._lap = perf_counter()
            if i >= found.trained:
                self._train(stream.train_stream if joint else stream.train_stream[i])
                self._count_seconds("train")
                found.trained = i + 1
                self._keep(always=True)
            if i >= found.measured:
                self._measure(i)
                self._count_seconds("evaluate")
                found.measured = i + 1
                self._keep()
        self._check_end()
        self._lap = perf_counter()
        probed = self._probed()
        self._count_seconds("evaluate")

        tests, validations, masked = found.tests, found.validations, found.masked
        has_depths = self.prediction.every_depth and isinstance(
            self.model.backbone, backbones.Backbone
        )
        result = ContinualResult(
            classes=self.split.classes,
            accuracy=tests.accuracy,
            masked_accuracy=None if self.task_incremental else masked.accuracy,
            initial_accuracy=found.initial,
            depth_accuracy=tests.depth_accuracy if has_depths else None,
            probe_accuracy=probed.accuracy if probed else None,
            noise=[
                NoiseResult(corruption=name, level=level, accuracy=table.accuracy)
                for (name, level), table in found.noise.items()
            ],
            validation=Validation(
                accuracy=validations.accuracy,
                depth_accuracy=validations.depth_accuracy if has_depths else None,
                counts=[len(rows) for rows in self.split.validation],
                changes=validations.changes if has_depths else None,
                probe_accuracy=probed.held_out_accuracy if probed else None,
            ),
            test_counts=[len(rows) for rows in self.split.test],
            train_loss=self.monitor.loss,
            parameters=parameters,
            flops=flops,
            seconds=Seconds(train=found.train_seconds, evaluate=found.evaluate_seconds),
            peak_memory=max(found.peak_memory, cost.peak_memory(self.device)),
            images_seen=self.monitor.images_seen,
            precision=self.config.precision,
        )
        self._progress(1.0)
        examples = {
            "test.rows": torch.cat(self.split.test),
            "validation.rows": torch.cat(self.split.validation),
        }
        examples |= tests.examples("test") | validations.examples("validation")
        examples |= masked.examples("test.masked")
        for (name, level), table in found.noise.items():
            examples |= table.examples(f"test.{name}.{level}")
        examples |= probed.examples if probed else {}
        examples |= self.prediction.state
        return RunOutput(result, examples, self._weights(), self.guards)

    # ------------------------------------------------------------ building

    def _stream(self) -> Any:
        train = torch.cat(self.split.train)
        test = torch.cat(self.split.test)
        before = guards.generators()
        stream = class_stream(
            NumberedRows(train, self.split.position[self.data.train_labels[train]]),
            NumberedRows(
                test + len(self.data.train_labels), self.split.position[self.data.test_labels[test]]
            ),
            experiences=self.protocol.experiences,
            task_incremental=self.task_incremental,
        )
        self.guards.append(guards.untouched(before, guards.generators()))
        return stream

    # ------------------------------------------------------------ training

    def _budget(self) -> Budget | None:
        """What ends each experience, where its epochs do not."""
        protocol = self.protocol
        # as many as naive sees in its epochs
        images = [protocol.epochs * len(rows) for rows in self.split.train]
        if self.strategy.at_once:
            images = [sum(images)]
        if protocol.budget == "epochs":
            return None
        if protocol.seconds is None:
            return Budget(images, lambda: self.rows.trained)
        each = protocol.seconds * protocol.experiences / len(images)
        work = sum(images) / len(images)
        return Budget(
            [each] * len(images),
            partial(cost.seconds, self.device),
            lambda share: self._advance(share * work),
        )

    def _train(self, experiences: Any) -> None:
        self.learner.train(experiences, eval_streams=[], num_workers=0)

    def _advance(self, images: float) -> None:
        self._done += images
        self._progress(min(self._done / self._all, 1.0))

    # ------------------------------------------------------------ checkpoints

    def _state(self) -> State:
        """Everything that decides the rest of the run."""
        memory = max(self.found.peak_memory, cost.peak_memory(self.device))
        self.found.peak_memory = memory
        return {
            "found": self.found.state(),
            "learner": learner_state(self.learner, self.model),
            "watch": self.monitor.state(),
            "budget": self.budget.state() if self.budget else None,
            "passes": self._passes.images,
            "modes": self._modes,
            "done": self._done,
        }

    def _resumed(self, stream: Any) -> bool:
        """Whether there was a checkpoint; then the run is where that was written."""
        state = self.checkpoint.load() if self.checkpoint else None
        if state is None:
            return False
        examples = Examples(stream.train_stream)
        self._passes.images, self._modes = state["passes"], state["modes"]
        self._done = state["done"]
        self.found.restore(state["found"])
        if self.budget:
            self.budget.restore(state["budget"])
        self._restore_learner(state, examples)
        if len(self.monitor.loss) > self.learner.clock.train_exp_counter:  # inside an experience
            self.boundaries.resume(lambda: self._restore_learner(state, examples))
        self._advance(0)
        return True

    def _restore_learner(self, state: State, examples: Examples) -> None:
        self.monitor.restore(state["watch"])
        restore_learner(self.learner, self.model, state["learner"], examples)

    def _between_epochs(self) -> None:
        self._count_seconds("train")
        strategy_state = state_of(self.learner)
        if (
            strategy_state and strategy_state.resumes_within_experience and not self.budget
        ):  # a budget may end within an epoch
            self._keep()

    def _keep(self, *, always: bool = False) -> None:
        if self.checkpoint:
            self.checkpoint.save(self._state, min(self._done / self._all, 1.0), always=always)

    def _count_seconds(self, what: Literal["train", "evaluate"]) -> None:
        """Add those since the last call."""
        now = perf_counter()
        name = f"{what}_seconds"
        setattr(self.found, name, getattr(self.found, name) + now - self._lap)
        self._lap = now

    # ------------------------------------------------------------ measuring

    def _measure(self, i: int) -> None:
        """After experience i."""
        found = self.found
        right = self._right(i, self.split.test, test=True)
        found.tests.add(i, [r.depths for r in right])
        if not self.task_incremental:
            found.masked.add(i, [r.masked.unsqueeze(0) for r in right if r.masked is not None])
        held = self._right(i, self.split.validation, test=False)
        found.validations.add(i, [r.depths for r in held])
        if self.protocol.noise_after == "every" or i == self.protocol.experiences - 1:
            for (name, level), noisy in self._noisy(i):
                found.noisy(name, level).add(i, [r.depths for r in noisy])

    def _right(
        self,
        i: int,
        split: list[Tensor],
        *,
        test: bool,
        corrupt: Callable[..., Tensor] | None = None,
        at_once: int | None = None,
    ) -> list[Correct]:
        """After experience i: what is right of each experience j that has a head.

        `corrupt(images, indices=)` gives the images that the network sees instead, at full depth only.
        """
        upto = i + 1 if self.task_incremental else len(split)
        offset = len(self.data.train_labels) if test else 0
        labels = self.data.test_labels if test else self.data.train_labels
        depths = corrupt is None and self.prediction.every_depth
        found = []
        with correctness.evaluating(self.model):
            self._modes.append(any(m.training for m in self.model.modules()))
            for j in range(upto):
                rows = split[j].to(self.device)
                images = self.rows.plain(rows + offset)
                if corrupt is not None:
                    images = corrupt(images, indices=rows)
                read = correctness.features(
                    self.model.backbone, images, depths=depths, at_once=at_once
                )
                said = self.split.label(labels[split[j]], task_incremental=self.task_incremental)
                logits = self.prediction.logits(read, j)
                found.append(correctness.correct(logits, said.to(self.device), self._own(j)))
                self._advance(EVALUATED * len(rows))
        return found

    def _own(self, j: int) -> range | None:
        """The classes of experience j among the logits of one head; None with a head each."""
        count = self.protocol.classes_per_experience
        return None if self.task_incremental else range(j * count, (j + 1) * count)

    def _initial_accuracy(self) -> list[float] | None:
        """On each experience before training; None where there is nothing yet to predict with."""
        if self.task_incremental or not self.prediction.ready:
            return None
        right = self._right(0, self.split.test, test=True)
        return [correctness.shares(r.depths)[-1] for r in right]

    def _noisy(self, i: int) -> Any:
        for name, levels in self.protocol.noise.items():
            for level in levels:
                corrupt = corruption(name, level, self.config.seeds)
                yield (name, level), self._right(i, self.split.test, test=True, corrupt=corrupt)

    def _probed(self) -> Probed | None:
        """Linear probes of the final model; None where none were asked for, or it has no depths."""
        backbone = self.model.backbone
        if not self.protocol.linear_probe or not isinstance(backbone, backbones.Backbone):
            return None
        probing = Probing(
            backbone, self.rows, self.data, self.split, task_incremental=self.task_incremental
        )
        with self._unnoticed("the linear probe"):
            probed = probing.probed()
        self._advance(
            EVALUATED * sum(map(len, self.split.train + self.split.test + self.split.validation))
        )
        return probed

    def _weights(self) -> dict[str, Tensor]:
        return {k: v.detach().cpu().contiguous() for k, v in self.model.state_dict().items()}

    # ------------------------------------------------------------ guards

    def _check_start(self, stream: Any) -> None:
        """What must be so before anything is trained."""
        self.guards += [
            continual_guards.classes(self.split, self.protocol, self.data),
            continual_guards.stream(stream, self.split, task_incremental=self.task_incremental),
            guards.held_out(self.split),
            guards.disjoint([self.data], self.data),
            continual_guards.seeds(self.config, self.data, corruption),
        ]
        if not self.task_incremental:
            assert isinstance(self.model.head, nn.Linear)
            features = torch.ones(1, 1, self.model.head.in_features, device=self.device)
            self.guards.append(continual_guards.task_labels(stream, self.prediction, features))

    def _check_end(self) -> None:
        """Measure once more, in another order and other slices; see that nothing noticed, and count."""
        last, split = self.protocol.experiences - 1, self.split.validation
        backwards = [rows.flip(0) for rows in split]
        with self._unnoticed("evaluation"):
            first = self._right(last, split, test=False)
            other = self._right(last, backwards, test=False, at_once=37)
        self.guards += [
            guards.stable(first, other),
            guards.modes(self._modes),
            guards.images(self.monitor.images_seen, self._passes.images, self._expected()),
        ]
        if not self.task_incremental:
            self.guards.append(continual_guards.masked(first))
        if self.budget:
            self.guards.append(
                continual_guards.budget(self.budget.experiences, self.protocol.budget)
            )
        if self.budget and self.protocol.seconds:
            self.guards.append(continual_guards.processor(self.budget.experiences))

    @contextmanager
    def _unnoticed(self, what: str) -> Iterator[None]:
        """See that neither the model nor the random state notices what is done inside."""
        with guards.watched(self.model) as unchanged:
            yield
        self.guards.append(guards.unnoticed(what, unchanged()))

    def _expected(self) -> int:
        """Rows of the stream times epochs: what naive sees."""
        return self.protocol.epochs * sum(len(rows) for rows in self.split.train)


def corruption(name: str, level: float, seeds: Seeds) -> Callable[..., Tensor]:
    """`corrupt(images, indices=)`: the same noise on the same image, whatever else is tested."""
    function: Callable[..., Tensor] = CORRUPTIONS.load(name)
    seed = seeds.noise

    def corrupt(images: Tensor, indices: Tensor) -> Tensor:
        return function(images, level, seed=seed, indices=indices)

    return corrupt
