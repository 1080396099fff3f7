"""A network for masked tokens and sequences -> its predictions of one mask a sequence, at every depth."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor, nn

from acn_bench.benchmarks.mlm.result import MaskedScores
from acn_bench.benchmarks.run_checks import RunChecks
from acn_bench.benchmarks.run_progress import RunProgress
from acn_bench.benchmarks.text_network import MaskedModel
from acn_bench.data.tokens.masking import Masking
from acn_bench.data.tokens.packed import Packed
from acn_bench.evaluation.correctness import evaluating
from acn_bench.evaluation.cost import EVALUATED

SLICE = 32  # sequences in one pass
MASK = -1  # the epoch of the mask that is measured: no training epoch has it
DIGITS = 6  # decimals of a loss in a record


@dataclass(frozen=True)
class Predicted:
    """The masked tokens of some sequences, on the CPU."""

    correct: Tensor  # (L+1, n) of bool
    losses: Tensor  # (L+1,) sums of float64
    targets: Tensor  # (n,)
    counts: Tensor  # (N,) masked tokens of each sequence

    @property
    def scores(self) -> MaskedScores:
        """What a record holds."""
        tokens = len(self.targets)
        if not tokens:
            raise ValueError("no token was masked: there are too few sequences to measure")
        return MaskedScores(
            tokens=tokens,
            correct=self.correct.sum(dim=1).tolist(),
            loss=[round(v, DIGITS) for v in (self.losses / tokens).tolist()],
            most_frequent=int(self.targets.bincount().max()),
        )


class MlmEvaluation:
    """Measures the network of one run; counts the seconds."""

    def __init__(
        self,
        model: MaskedModel,
        masking: Masking,
        device: torch.device,
        progress: RunProgress,
        checks: RunChecks,
    ) -> None:
        self.model, self.masking, self.device = model, masking, device
        self.progress, self.checks = progress, checks
        self.seconds = 0.0

    def predicted(self, text: Packed, rows: Tensor, at_once: int | None = None) -> Predicted:
        """Predict the masked tokens of rows (N,) after 0 … L blocks; in the order of the rows."""
        parts = []
        with self._timed(), evaluating(self.model):
            self.checks.record_mode(self.model)
            for part in rows.split(at_once or SLICE):
                parts.append(self._part(text, part))
                self.progress.add(EVALUATED * len(part))
        return Predicted(
            torch.cat([p.correct for p in parts], dim=1),
            torch.stack([p.losses for p in parts]).sum(dim=0),
            torch.cat([p.targets for p in parts]),
            torch.cat([p.counts for p in parts]),
        )

    def _part(self, text: Packed, rows: Tensor) -> Predicted:
        ids = text.batch(rows).to(self.device)
        changed, chosen = self.masking.masked(ids, rows.to(self.device), MASK)
        targets, correct, losses = ids[chosen], [], []
        for logits in self.model.depths(changed, chosen):
            correct.append((logits.argmax(dim=1) == targets).cpu())
            loss = nn.functional.cross_entropy(logits, targets, reduction="sum")
            losses.append(loss.double().cpu())
        return Predicted(
            torch.stack(correct), torch.stack(losses), targets.cpu(), chosen.sum(dim=1).cpu()
        )

    @contextmanager
    def _timed(self) -> Iterator[None]:
        start = perf_counter()
        yield
        self.seconds += perf_counter() - start
