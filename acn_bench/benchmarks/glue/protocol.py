"""RunConfig of a fine-tuning on GLUE -> GlueResult: fine-tune on one task, then measure every depth."""

from typing import cast

import torch
from torch import Tensor

from acn_bench.backbones import bert_folder
from acn_bench.benchmarks import training_run
from acn_bench.benchmarks.glue import guards as glue_guards
from acn_bench.benchmarks.glue.cost import work
from acn_bench.benchmarks.glue.evaluation import GlueEvaluation
from acn_bench.benchmarks.glue.pruning import GradualPruning, after_training
from acn_bench.benchmarks.glue.recipe import recipe
from acn_bench.benchmarks.glue.result import GlueResult, Lengths, Pruned, Scored
from acn_bench.benchmarks.glue.spec import GlueSpec
from acn_bench.benchmarks.glue.split import split
from acn_bench.benchmarks.glue.task import GlueBatches
from acn_bench.benchmarks.run import Run, RunOutput, weights_on_cpu
from acn_bench.benchmarks.run_checks import RunChecks
from acn_bench.benchmarks.run_progress import RunProgress
from acn_bench.benchmarks.text_network import TextClassifier, classifier, tokenizer_of_start
from acn_bench.data.generators import preserved_generators
from acn_bench.data.texts import TextData
from acn_bench.data.tokens import encoded, vocabulary
from acn_bench.data.tokens.encoded import Encoded
from acn_bench.evaluation import correctness, cost, guards
from acn_bench.evaluation.correctness import Correct
from acn_bench.families.bert import BertSpec
from acn_bench.result import RowCounts, Seconds
from acn_bench.training import distributed, pruning
from acn_bench.training.step import Step
from acn_bench.training.trainer import TrainOutput


def measure(run: Run[GlueSpec, TextData]) -> RunOutput:
    """Run the protocol, from its last checkpoint if there is one.

    Raises ValueError if data, checkpoint and protocol do not fit, DivergedError if the loss is not finite.
    """
    with preserved_generators():
        return GlueRun(run).measure()


class GlueRun:
    """The parts of one run; `measure` reads as the protocol."""

    def __init__(self, run: Run[GlueSpec, TextData]) -> None:
        config, (data,), device = run.config, run.data, run.device
        self.run = run
        self.config, self.protocol, self.data, self.device = config, config.benchmark, data, device
        p = self.protocol
        self.rows = split(data, p.validation, config.seeds.data, p.train_rows)
        size = cast(BertSpec, config.backbone).vocab_size
        self.longest = min(self.protocol.length, cast(BertSpec, config.backbone).max_length)
        with distributed.current().first_alone():
            self.tokenizer = tokenizer_of_start(config) or vocabulary.stored(
                data.caches,
                data.fingerprint,
                lambda: (t for c in data.train.texts for t in c),
                size,
            )
            self.texts = {
                part: encoded.encoded(data, part, self.tokenizer, self.longest).to(device)
                for part in ("train", *data.tests)
            }
        self.labels = {
            "train": data.train.labels.to(device),
            **{name: part.labels.to(device) for name, part in data.tests.items()},
        }
        self.model = classifier(config, data.task.outputs).to(device)
        self.checks = RunChecks()
        whole = work(config, run.data)
        self.progress = RunProgress(whole, run.progress)
        self.trained_share = config.benchmark.epochs * len(self.rows.train) / whole
        self.evaluation = GlueEvaluation(
            data.task, self.texts, self.labels,
            types=self.protocol.token_types, progress=self.progress, checks=self.checks,
        )  # fmt: skip
        self.pruned: list[Pruned] = []
        self.train_seconds = 0.0
        self.trained = 0  # rows that this process trained on: without those before it resumed
        self.examples: dict[str, Tensor] = {}

    # ------------------------------------------------------------ the protocol

    def measure(self) -> RunOutput:
        cost.reset_peak_memory(self.device)
        self.checks.guards += [
            glue_guards.train_and_validation_disjoint(self.rows),
            guards.texts_disjoint(self.data),
        ]
        usual = torch.zeros(1, self.longest, dtype=torch.int64, device=self.device)
        parameters, flops = cost.by_depth(self.model.backbone, self.model.head, usual)
        self.checks.count_passes(self.model.backbone)

        output = self._train()
        validation, changes = self._validation()
        tests = {name: self._test(self.model, name, keep=True) for name in self.data.tests}
        if self.protocol.pruning == "magnitude":
            self.pruned += after_training(self.model, self.protocol.pruned, self._pruned)
        speeds = self.evaluation.speeds(self.model, next(iter(self.data.tests)), self.device)
        self._check_end()

        evaluate = self.evaluation.seconds
        result = GlueResult(
            rows=self._counts(),
            vocabulary=self.tokenizer.get_vocab_size(),
            lengths={name: _lengths(texts) for name, texts in self.texts.items()},
            left_out=list(self.data.left_out),
            steps=output.steps,
            train_loss=output.losses,
            validation=validation,
            changes=changes,
            tests=tests,
            texts_per_second=[round(v, 3) for v in speeds],
            pruned=self.pruned,
            parameters=parameters,
            flops=flops,
            seconds=Seconds(train=self.train_seconds, evaluate=evaluate),
            peak_memory=cost.peak_memory(self.device),
            images_seen=output.rows,
            precision=self.config.precision,
        )
        self.progress.finish()
        weights = weights_on_cpu(self.model)
        return RunOutput(result, self.examples, weights, self.checks.guards, self._files(weights))

    def _train(self) -> TrainOutput:
        p, seed = self.protocol, self.config.seeds.data
        rows = self.rows.train.to(self.device)
        batches = GlueBatches(
            self.texts["train"], self.labels["train"], rows,
            types=p.token_types, batch_size=p.batch_size, by_length=p.by_length, seed=seed,
        )  # fmt: skip
        how = recipe(self.config, len(rows))
        trainer = training_run.trainer(
            self.run, self.model, batches, how, share=self.trained_share, on_step=self._on_step
        )
        if p.pruning == "movement":
            GradualPruning(self.model, p.prune_share, self._pruned, self.pruned).attach(trainer)
        output = trainer.fit()
        # measurements between epochs are no training
        self.train_seconds = max(output.seconds - self.evaluation.seconds, 0.0)
        return output

    def _on_step(self, step: Step) -> None:
        self.trained += step.rows
        rows = self.protocol.epochs * len(self.rows.train)
        self.progress.advance_to(rows * step.share)

    def _validation(self) -> tuple[Scored, list[list[int]]]:
        rows = self.rows.validation.to(self.device)
        made = self.evaluation.outputs(self.model, "train", rows)
        self.examples["validation"] = made.stored
        self.examples["validation.rows"] = self.rows.validation
        numbers = self.data.task.is_regression
        changes = [] if numbers else correctness.changes(made.correct)
        return self.evaluation.scored(made), changes

    def _test(self, model: TextClassifier, name: str, *, keep: bool = False) -> Scored:
        made = self.evaluation.outputs(model, name, self.evaluation.all_rows(name))
        if keep:
            self.examples[f"test.{name}"] = made.stored
        return self.evaluation.scored(made)

    def _pruned(self, model: TextClassifier, epoch: int | None) -> Pruned:
        """Measure a network that is pruned."""
        left = pruning.remaining(pruning.linears(model.backbone))
        rows = self.rows.validation.to(self.device)
        return Pruned(
            epoch=epoch,
            left=left.left,
            total=left.total,
            validation=self.evaluation.scored(self.evaluation.outputs(model, "train", rows)),
            tests={name: self._test(model, name) for name in self.data.tests},
        )

    def _check_end(self) -> None:
        """Check the measurements by repeating those of held-out rows; count texts."""

        def held_out(reverse: bool, at_once: int | None) -> list[Correct]:
            held = self.rows.validation.to(self.device)
            rows = held.flip(0) if reverse else held
            return [self.evaluation.for_guards(self.model, "train", rows, at_once)]

        self.checks.repeated(self.model, held_out)
        if self.run.world_size == 1:  # each process counts its own passes alone
            self.checks.images(self.trained, self.protocol.epochs * len(self.rows.train))

    # ------------------------------------------------------------ what is written

    def _counts(self) -> RowCounts:
        return RowCounts(
            train=len(self.rows.train),
            validation=len(self.rows.validation),
            test=self.data.counts.test,
        )

    def _files(self, weights: dict[str, Tensor]) -> dict[str, bytes]:
        """The network and its tokenizer in Transformers' format."""
        spec = cast(BertSpec, self.config.backbone)
        body, head = (_behind(prefix, weights) for prefix in ("backbone.", "head."))
        names = self.data.class_names
        made = bert_folder.classifier_files(spec, spec.depth, body, head, names)
        return made | vocabulary.files(self.tokenizer, self.longest)


def _behind(prefix: str, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}


def _lengths(texts: Encoded) -> Lengths:
    lengths = texts.lengths
    return Lengths(
        mean=round(lengths.double().mean().item(), 3),
        longest=int(lengths.max()),
        cut=texts.overlong,
    )
