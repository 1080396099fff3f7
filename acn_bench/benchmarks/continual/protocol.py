"""RunConfig of a continual benchmark -> ContinualResult: train on each experience in turn, and measure."""

from typing import Any

import torch
from torch import Tensor, nn

from acn_bench.benchmarks.continual import guards as continual_guards
from acn_bench.benchmarks.continual.checkpointing import Checkpointing
from acn_bench.benchmarks.continual.cost import work
from acn_bench.benchmarks.continual.evaluation import ContinualEvaluation
from acn_bench.benchmarks.continual.experience_budget import experience_budget
from acn_bench.benchmarks.continual.probing import ProbeResult
from acn_bench.benchmarks.continual.result import (
    QUANTILES,
    ContinualResult,
    NoiseResult,
    StrategyMeasures,
    StrengthTry,
    Validation,
)
from acn_bench.benchmarks.continual.run_state import RunState
from acn_bench.benchmarks.continual.selection import Adjustable, StrengthSelection, strengths
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.benchmarks.continual.split import split
from acn_bench.benchmarks.continual.stream_inputs import ImageInputs, StreamInputs
from acn_bench.benchmarks.run import Run, RunOutput, weights_on_cpu
from acn_bench.benchmarks.run_checks import RunChecks
from acn_bench.benchmarks.run_progress import RunProgress
from acn_bench.data.images import ImageData
from acn_bench.data.split import most_frequent
from acn_bench.evaluation import cost, guards
from acn_bench.evaluation.correctness import Correct
from acn_bench.result import Seconds
from acn_bench.strategies.learner import learner, prediction
from acn_bench.strategies.monitor import TrainingMonitor
from acn_bench.strategies.scheme_adapter import SchemeAdapter
from acn_bench.strategies.seeding import Seeded, preserved_generators
from acn_bench.strategies.state import share_at_limit, state_of
from acn_bench.strategies.state_monitor import StrategyMonitor
from acn_bench.strategies.stream import NumberedRows, class_stream
from acn_bench.training.schemes import DepthScheme, scheme


def measure(run: Run[ContinualSpec, ImageData]) -> RunOutput:
    """Run the protocol, from its last checkpoint if there is one.

    Raises ValueError if data and protocol do not fit, DivergedError if the loss is nan or infinite.
    """
    cost.reset_peak_memory(run.device)
    with preserved_generators():
        return ContinualRun(run).measure()


def build(run: Run[ContinualSpec, ImageData]) -> None:
    """Build all that the run trains, the learner of its strategy among it, and train nothing. Raises as `measure`."""
    with preserved_generators():
        ContinualRun(run)


class ContinualRun:
    """The parts of one run; `measure` reads as the protocol."""

    def __init__(self, run: Run[Any, Any], inputs: StreamInputs | None = None) -> None:
        """`inputs` are by default the images of the run's data."""
        inputs = inputs or ImageInputs(run)
        self.config, self.data, self.device = run.config, inputs.data, run.device
        self.inputs = inputs
        self.protocol = run.config.benchmark
        self.task_incremental = self.protocol.task_incremental
        assert run.config.strategy is not None
        self.strategy = run.config.strategy
        if why := self.strategy.refusal(self.protocol):
            raise ValueError(f"{self.strategy.name}: {why}")
        self.split = split(self.data, self.protocol, self.config.seeds)
        self.checks = RunChecks()
        self.progress = RunProgress(work(self.config, self.data), run.progress)
        self.run_state = RunState(self.protocol.experiences, self.device)
        self.rows = inputs.rows
        self.model = inputs.model(self.config).to(self.device)
        # with a budget in seconds, the budget reports progress
        timed = self.protocol.seconds is not None
        self.monitor = TrainingMonitor(self.rows, (lambda _: None) if timed else self.progress.add)
        self.strategy_monitor = StrategyMonitor(
            self.data.train_labels, len(self.data.class_names), QUANTILES
        )
        self.budget = experience_budget(self.config, self.split, self.rows, self.progress)
        self.learner = self._learner()
        self.prediction = prediction(self.learner, self.model)
        self.evaluation = ContinualEvaluation(
            config=self.config,
            data=self.data,
            split=self.split,
            rows=self.rows,
            model=self.model,
            prediction=self.prediction,
            run_state=self.run_state,
            progress=self.progress,
            checks=self.checks,
        )
        self.checkpoint = run.checkpoint if state_of(self.learner) else None
        self.checkpointing = Checkpointing(
            file=self.checkpoint,
            learner=self.learner,
            model=self.model,
            monitor=self.monitor,
            strategy_monitor=self.strategy_monitor,
            budget=self.budget,
            run_state=self.run_state,
            progress=self.progress,
            checks=self.checks,
        )

    # ------------------------------------------------------------ the protocol

    def measure(self) -> RunOutput:
        stream = self._stream()
        self._check_start(stream)
        parameters, flops = cost.by_depth(self.model.backbone, self.model.head, self.inputs.usual())
        self.checks.count_passes(self.model.backbone)
        state, T = self.run_state, self.protocol.experiences
        if not self.checkpointing.resume(stream):
            state.initial = self.evaluation.initial_accuracy()

        at_once, selection = self.strategy.at_once, self._selection(stream)
        for i in range(T - 1 if at_once else 0, T):
            state.start_lap()
            if i >= state.trained:
                if selection and i > 0:
                    self._select(selection, i, stream.train_stream[i])
                else:
                    self._train(stream.train_stream if at_once else stream.train_stream[i])
                state.end_lap("train")
                state.trained = i + 1
                self.checkpointing.save(always=True)
            if i >= state.measured:
                self.evaluation.measure(i)
                state.end_lap("evaluate")
                state.measured = i + 1
                self.checkpointing.save()
        self._check_end()
        state.start_lap()
        probes = self.evaluation.probe()
        state.end_lap("evaluate")

        result = self._result(parameters, flops, probes)
        self.progress.finish()
        weights = weights_on_cpu(self.model)
        return RunOutput(result, self._examples(probes), weights, self.checks.guards)

    # ------------------------------------------------------------ training

    def _stream(self) -> Any:
        train = torch.cat(self.split.train)
        test = torch.cat(self.split.test)
        before = guards.generator_states()
        stream = class_stream(
            NumberedRows(train, self.split.position[self.data.train_labels[train]]),
            NumberedRows(
                test + len(self.data.train_labels), self.split.position[self.data.test_labels[test]]
            ),
            experiences=self.protocol.experiences,
            task_incremental=self.task_incremental,
        )
        self.checks.guards.append(guards.generators_unchanged(before, guards.generator_states()))
        return stream

    def _selection(self, stream: Any) -> StrengthSelection | None:
        """Where the strategy's strength is to be selected, for each experience after the first."""
        tried = strengths(self.protocol, self.strategy)
        strategy_state: Any = state_of(self.learner)
        if not tried or not isinstance(strategy_state, Adjustable):
            return None
        self.checkpointing.within_experience = False
        return StrengthSelection(
            tried,
            self.protocol.select_drop,
            strategy_state,
            train=self._train,
            accuracy=self.evaluation.held_out_accuracy,
            images=lambda: self.monitor.images_seen,
            restore_point=lambda: self.checkpointing.restore_point(stream),
        )

    def _select(self, selection: StrengthSelection, i: int, experience: Any) -> None:
        """Train on an experience with a strength of its own; tries that were not needed count as done."""
        tries = selection.train_on(i, experience)
        self.run_state.strength_tries.append(tries)
        spared = len(selection.strengths) + 1 - len(tries)
        self.progress.add(spared * tries[0]["images"])

    def _learner(self) -> Any:
        seeded = Seeded(self.config.seeds.data, self.rows, self.protocol.epochs)
        budget = [self.budget] if self.budget else []  # first, so that its clock starts first
        plugins = [*budget, seeded, self.monitor, self.strategy_monitor.before]
        made = learner(self.strategy, self.model, self.protocol, self.device, plugins)
        self.strategy_monitor.watch(made)
        training_scheme = scheme(self.protocol.scheme)
        if isinstance(training_scheme, DepthScheme):
            SchemeAdapter(made, training_scheme, from_scratch=self.strategy.restarts)
        return made

    def _train(self, experiences: Any) -> None:
        self.learner.train(experiences, eval_streams=[], num_workers=0)
        self.strategy_monitor.after_experience(self.learner)

    # ------------------------------------------------------------ the output

    def _result(
        self, parameters: list[int], flops: list[int], probes: ProbeResult | None
    ) -> ContinualResult:
        state, has_depths = self.run_state, self.evaluation.has_depths
        tests, validations = state.tests, state.validations
        state.update_peak_memory()
        measured = self.strategy_monitor.measures.measured
        tries = [[StrengthTry(**one) for one in tries] for tries in state.strength_tries]
        return ContinualResult(
            classes=self.split.classes,
            accuracy=tests.accuracy,
            masked_accuracy=None if self.task_incremental else state.masked.accuracy,
            initial_accuracy=state.initial,
            depth_accuracy=tests.depth_accuracy if has_depths else None,
            probe_accuracy=probes.accuracy if probes else None,
            noise=[
                NoiseResult(corruption=name, level=level, accuracy=table.accuracy)
                for (name, level), table in state.noise.items()
            ],
            validation=Validation(
                accuracy=validations.accuracy,
                depth_accuracy=validations.depth_accuracy if has_depths else None,
                counts=[len(rows) for rows in self.split.validation],
                changes=validations.changes if has_depths else None,
                probe_accuracy=probes.held_out_accuracy if probes else None,
                most_frequent=[
                    most_frequent(self.data.train_labels[rows]) for rows in self.split.validation
                ],
            ),
            test_counts=[len(rows) for rows in self.split.test],
            train_loss=self.monitor.loss,
            share_at_limit=share_at_limit(self.learner),
            measures=StrategyMeasures(**measured) if measured else None,
            strength_tries=tries or None,
            parameters=parameters,
            flops=flops,
            seconds=Seconds(train=state.train_seconds, evaluate=state.evaluate_seconds),
            peak_memory=state.peak_memory,
            images_seen=self.monitor.images_seen,
            precision=self.config.precision,
        )

    def _examples(self, probes: ProbeResult | None) -> dict[str, Tensor]:
        """Correct or not per example, the rows of these examples, and the strategy's own tensors."""
        state = self.run_state
        examples = {
            "test.rows": torch.cat(self.split.test),
            "validation.rows": torch.cat(self.split.validation),
        }
        examples |= state.tests.examples("test") | state.validations.examples("validation")
        examples |= state.masked.examples("test.masked")
        for (name, level), table in state.noise.items():
            examples |= table.examples(f"test.{name}.{level}")
        examples |= probes.examples if probes else {}
        return examples | self.prediction.state

    # ------------------------------------------------------------ guards

    def _check_start(self, stream: Any) -> None:
        """Check split, stream and seeds before anything is trained."""
        self.checks.guards += [
            continual_guards.classes(self.split, self.protocol, self.data),
            continual_guards.stream(stream, self.split, task_incremental=self.task_incremental),
            guards.train_and_validation_disjoint(self.split),
            *self.inputs.disjoint(),
            continual_guards.seeds(self.config, self.inputs),
        ]
        if not self.task_incremental:
            assert isinstance(self.model.head, nn.Linear)
            features = torch.ones(1, 1, self.model.head.in_features, device=self.device)
            self.checks.guards.append(
                continual_guards.task_labels(stream, self.prediction, features)
            )

    def _check_end(self) -> None:
        """Check the measurements by repeating one; check the number of images, and the budget."""

        def held_out(reverse: bool, at_once: int | None) -> list[Correct]:
            rows = [r.flip(0) if reverse else r for r in self.split.validation]
            last = self.protocol.experiences - 1
            return self.evaluation.correct(last, rows, test=False, at_once=at_once)

        results = self.checks.repeated(self.model, held_out)
        stream_images = self.protocol.epochs * sum(len(rows) for rows in self.split.train)
        self.checks.images(self.monitor.images_seen, stream_images)
        if not self.task_incremental:
            self.checks.guards.append(continual_guards.masked(results))
        if constant := continual_guards.penalty(self.strategy_monitor.measures):
            self.checks.guards.append(constant)
        if self.budget:
            spent = self.budget.experiences
            self.checks.guards.append(continual_guards.budget(spent, self.protocol.budget))
        if self.budget and self.protocol.seconds:
            self.checks.guards.append(continual_guards.processor(self.budget.experiences))
