"""RunConfig of a masked-language pre-training -> MlmResult: pre-train, then measure every depth on other text."""

from typing import cast

import torch
from torch import Tensor

from acn_bench.backbones import bert_folder
from acn_bench.benchmarks import training_run
from acn_bench.benchmarks.mlm.cost import work
from acn_bench.benchmarks.mlm.evaluation import MlmEvaluation
from acn_bench.benchmarks.mlm.result import MlmResult
from acn_bench.benchmarks.mlm.spec import MlmSpec
from acn_bench.benchmarks.mlm.task import MaskedBatches
from acn_bench.benchmarks.run import Run, RunOutput, weights_on_cpu
from acn_bench.benchmarks.run_checks import RunChecks
from acn_bench.benchmarks.run_progress import RunProgress
from acn_bench.benchmarks.text_network import masked_model, tokenizer_of_start
from acn_bench.data.corpus import Corpus
from acn_bench.data.counter import bits
from acn_bench.data.generators import preserved_generators
from acn_bench.data.tokens import vocabulary
from acn_bench.data.tokens.masking import Masking
from acn_bench.data.tokens.packed import packed
from acn_bench.data.tokens.vocabulary import MASK, SPECIAL, token_id
from acn_bench.evaluation import correctness, cost
from acn_bench.evaluation.correctness import Correct
from acn_bench.families.bert import BertSpec
from acn_bench.result import Guard, RowCounts, Seconds
from acn_bench.training import distributed
from acn_bench.training.recipe import Recipe
from acn_bench.training.step import Step
from acn_bench.training.trainer import TrainOutput


def measure(run: Run[MlmSpec, Corpus]) -> RunOutput:
    """Run the protocol, from its last checkpoint if there is one.

    Raises ValueError if text, checkpoint and protocol do not fit, DivergedError if the loss is not finite.
    """
    with preserved_generators():
        return MlmRun(run).measure()


class MlmRun:
    """The parts of one run; `measure` reads as the protocol."""

    def __init__(self, run: Run[MlmSpec, Corpus]) -> None:
        self.run, self.config, self.protocol = run, run.config, run.config.benchmark
        (data,), self.device = run.data, run.device
        self.spec = cast(BertSpec, run.config.backbone)
        length = min(self.protocol.length, self.spec.max_length)
        with distributed.current().first_alone():
            self.tokenizer = tokenizer_of_start(run.config) or vocabulary.stored(
                data.caches, data.fingerprint, data.train, self.spec.vocab_size
            )
            self.text, self.other = (
                packed(data, part, self.tokenizer, length) for part in ("train", "test")
            )
        self.train, self.held = self._split()
        self.masking = Masking(
            mask=token_id(self.tokenizer, MASK),
            specials=tuple(token_id(self.tokenizer, word) for word in SPECIAL),
            vocabulary=self.tokenizer.get_vocab_size(),
            share=self.protocol.masked,
            seed=run.config.seeds.data,
        )
        self.model = masked_model(run.config).to(run.device)
        self.checks = RunChecks()
        self.work = work(self.config, len(self.text), len(self.other))
        self.progress = RunProgress(self.work, run.progress)
        self.evaluation = MlmEvaluation(
            self.model, self.masking, self.device, self.progress, self.checks
        )
        self.trained = 0  # sequences of this process: without those before it resumed

    def _split(self) -> tuple[Tensor, Tensor]:
        """The sequences to train on, and those to hold out; both sorted. Raises ValueError for too few."""
        rows = torch.arange(len(self.text))
        count = round(self.protocol.validation * len(rows))
        if not 0 < count < len(rows):
            raise ValueError(
                f"the text has {len(rows)} sequences of {self.text.length} tokens: too few to hold out "
                f"{self.protocol.validation:.2%}"
            )
        ranked = rows[bits("held out", self.config.seeds.data, rows).argsort()]
        return ranked[count:].sort().values, ranked[:count].sort().values

    # ------------------------------------------------------------ the protocol

    def measure(self) -> RunOutput:
        cost.reset_peak_memory(self.device)
        usual = torch.zeros(1, self.text.length, dtype=torch.int64, device=self.device)
        parameters, flops = cost.by_depth(self.model.backbone, self.model.head, usual)
        self.checks.count_passes(self.model.backbone)
        output = self._train()
        held = self.evaluation.predicted(self.text, self.held)
        test = self.evaluation.predicted(self.other, torch.arange(len(self.other)))
        self._check_end()
        result = MlmResult(
            rows=RowCounts(train=len(self.train), validation=len(self.held), test=len(self.other)),
            vocabulary=self.tokenizer.get_vocab_size(),
            steps=output.steps,
            tokens=output.rows * self.text.length,
            train_loss=output.losses,
            validation=held.scores,
            changes=correctness.changes(held.correct),
            test=test.scores,
            parameters=parameters,
            flops=flops,
            seconds=Seconds(train=output.seconds, evaluate=self.evaluation.seconds),
            peak_memory=cost.peak_memory(self.device),
            images_seen=output.rows,
            precision=self.config.precision,
        )
        self.progress.finish()
        weights = weights_on_cpu(self.model)
        examples = {
            "validation": held.correct.byte(),
            "validation.rows": self.held,
            "test": test.correct.byte(),
        }
        return RunOutput(result, examples, weights, self.checks.guards, self._files(weights))

    def _train(self) -> TrainOutput:
        batches = MaskedBatches(self.text, self.train, self.masking, self.device)
        recipe = self._recipe()
        steps = recipe.total_steps(len(self.train))
        self.rows_to_train = min(steps * recipe.batch_size, recipe.epochs * len(self.train))
        share = min(self.rows_to_train / self.work, 1.0)
        trainer = training_run.trainer(
            self.run, self.model, batches, recipe, share=share, on_step=self._on_step
        )
        return trainer.fit()

    def _recipe(self) -> Recipe:
        p = self.protocol
        steps = -(-len(self.train) // p.batch_size) * p.epochs
        return Recipe(
            epochs=p.epochs,
            batch_size=p.batch_size,
            micro_batch=p.micro_batch,
            max_steps=p.max_steps,
            optimizer=p.optimizer,
            learning_rate=p.learning_rate,
            betas=p.betas,
            epsilon=p.epsilon,
            weight_decay=p.weight_decay,
            warmup_steps=round(p.warmup * min(steps, p.max_steps or steps)),
            schedule=p.schedule,
            clip_norm=p.clip_norm,
            precision=self.config.precision,
            compiled=p.compiled,
        )

    def _on_step(self, step: Step) -> None:
        self.trained += step.rows
        self.progress.advance_to(self.rows_to_train * step.share)

    def _check_end(self) -> None:
        """Check the measurements by repeating those of held-out sequences; check rows and count sequences."""

        def held_out(reverse: bool, at_once: int | None) -> list[Correct]:
            rows = self.held.flip(0) if reverse else self.held
            made = self.evaluation.predicted(self.text, rows, at_once)
            # tokens of the last sequence come first in reverse: compare whole sequences
            per_row = [part.sum(dim=1) for part in made.correct.split(made.counts.tolist(), dim=1)]
            return [Correct(torch.stack(per_row, dim=1), None)]

        self.checks.guards.append(
            Guard(
                name="no row is both trained on and held out",
                passed=not bool(torch.isin(self.held, self.train).any()),
                detail=f"{len(self.train):,} trained on, {len(self.held):,} held out",
            )
        )
        self.checks.repeated(self.model, held_out)
        if self.run.world_size == 1:  # each process counts its own passes alone
            self.checks.images(self.trained, self.protocol.epochs * len(self.train))

    def _files(self, weights: dict[str, Tensor]) -> dict[str, bytes]:
        """The network and its tokenizer in Transformers' format."""
        body, head = (
            {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
            for prefix in ("backbone.", "head.")
        )
        made = bert_folder.masked_files(self.spec, body, head)
        return made | vocabulary.files(self.tokenizer, self.text.length)
