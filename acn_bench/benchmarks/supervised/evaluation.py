"""A trained network and rows of images -> which examples it has right at every depth, clean or under noise."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from acn_bench.backbones import Backbone
from acn_bench.benchmarks.noise_conditions import Condition
from acn_bench.benchmarks.run_checks import RunChecks
from acn_bench.benchmarks.run_progress import RunProgress
from acn_bench.benchmarks.supervised.result import TOP, NoiseScores, Scores
from acn_bench.evaluation import correctness
from acn_bench.evaluation.cost import EVALUATED

SLICE = {"cpu": 100}  # images in one pass: larger ones do not fit a processor's cache
GPU_SLICE = 256
DIGITS = 6  # decimals of a loss in a record

Images = Callable[[Tensor], Tensor]  # rows (B,) -> images (B, C, H, W) in [0, 1], on the device


@dataclass(frozen=True)
class Outcomes:
    """Of N examples after 0 … L blocks, each (L+1, N) on the CPU."""

    top1: Tensor  # bool
    top5: Tensor  # bool
    loss: Tensor  # cross-entropy in nats, float64

    @property
    def scores(self) -> Scores:
        """What a record holds of them."""
        return Scores(**self._scores())

    def noise_scores(self, condition: Condition) -> NoiseScores:
        """The same under a condition."""
        return NoiseScores(corruption=condition.corruption, level=condition.level, **self._scores())

    def among(self, chosen: Tensor) -> "Outcomes":
        """Of the examples that are True in `chosen`, (N,)."""
        return Outcomes(self.top1[:, chosen], self.top5[:, chosen], self.loss[:, chosen])

    def _scores(self) -> dict[str, Any]:
        means = self.loss.mean(dim=1).tolist()
        return {
            "top1": self.top1.sum(dim=1).tolist(),
            "top5": self.top5.sum(dim=1).tolist(),
            "loss": [round(value, DIGITS) for value in means],
        }


class Evaluation:
    """Measures the network of a run; counts the seconds."""

    def __init__(
        self, network: nn.Module, device: torch.device, progress: RunProgress, checks: RunChecks
    ) -> None:
        self.network = network
        self.device = device
        self.progress = progress
        self.checks = checks
        self.seconds = 0.0

    def outcomes(
        self,
        rows: Tensor,
        labels: Tensor,
        images: Images,
        condition: Condition | None = None,
        *,
        at_once: int | None = None,
    ) -> Outcomes:
        """Of rows (N,) with labels (N,), both on the CPU; `condition` draws by the row's number."""
        parts = []
        for part, of_part in self.slices(rows, labels, at_once):
            given = images(part)
            if condition is not None:
                given = condition.change(given, part.to(self.device))
            parts.append(outcomes(self.logits(given), of_part))
        return joined(parts)

    def slices(
        self, rows: Tensor, labels: Tensor, at_once: int | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Rows and their labels on the device, a slice at a time, in evaluation mode and without gradients."""
        size = at_once or SLICE.get(self.device.type, GPU_SLICE)
        with self.timed(), correctness.evaluating(self.network):
            self.checks.record_mode(self.network)
            for part, of_part in zip(rows.split(size), labels.split(size), strict=True):
                yield part, of_part.to(self.device)
                self.progress.add(EVALUATED * len(part))

    def logits(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) -> logits after 0 … L blocks, (L+1, B, K); one row for a network without depths."""
        if isinstance(self.network, Backbone):
            return self.network.forward_depths(images)
        logits: Tensor = self.network(images)
        return logits.unsqueeze(0)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Count the seconds of the block."""
        start = perf_counter()
        yield
        self.seconds += perf_counter() - start


def outcomes(logits: Tensor, labels: Tensor) -> Outcomes:
    """Logits (L+1, N, K) and labels (N,) on one device -> per example, on the CPU."""
    best = logits.topk(min(TOP, logits.shape[-1]), dim=-1).indices
    found = best == labels.view(1, -1, 1)
    log_p = logits.to(torch.float64).log_softmax(dim=-1)
    of_label = labels.expand(len(logits), -1).unsqueeze(-1)  # (L+1, N, 1)
    # the first of equal logits is what argmax takes: a network that gives equal ones is at chance, not right
    top1 = logits.argmax(dim=-1) == labels
    return Outcomes(
        top1.cpu(),
        (found.any(dim=-1) | top1).cpu(),
        log_p.gather(-1, of_label).squeeze(-1).neg().cpu(),
    )


def joined(parts: Sequence[Outcomes]) -> Outcomes:
    """The outcomes of several parts of the examples, in order."""
    names = [field.name for field in fields(Outcomes)]
    return Outcomes(*(torch.cat([getattr(part, name) for part in parts], dim=1) for name in names))
