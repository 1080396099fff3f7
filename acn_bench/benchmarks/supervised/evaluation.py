"""A trained network and rows of images -> which examples it has right at every depth, clean or under noise.

Of several processes each computes a part of the rows; all get the outcomes of all rows, in their order.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from acn_bench.backbones import Backbone
from acn_bench.benchmarks.noise_conditions import Condition
from acn_bench.benchmarks.run_checks import RunChecks
from acn_bench.benchmarks.run_progress import RunProgress
from acn_bench.benchmarks.supervised.result import TOP, NoiseScores, Scores
from acn_bench.data.image_source import ImageSource
from acn_bench.evaluation import correctness
from acn_bench.evaluation.cost import EVALUATED
from acn_bench.training import distributed, evaluation_rows

SLICE = {"cpu": 100}  # images in one pass: larger ones do not fit a processor's cache
GPU_SLICE = 256
DIGITS = 6  # decimals of a loss in a record


@dataclass(frozen=True)
class Outcomes:
    """Of N examples after 0 … L blocks, on the CPU."""

    top1: Tensor  # (L+1, N) bool
    top5: Tensor  # (L+1, N) bool
    loss: Tensor  # (L+1, N) cross-entropy in nats, float64
    readable: Tensor  # (N,) bool: whether the image's file could be read; others are black

    @property
    def scores(self) -> Scores:
        """What a record holds of them."""
        return Scores(**self._scores())

    def noise_scores(self, condition: Condition) -> NoiseScores:
        """The same under a condition."""
        return NoiseScores(corruption=condition.corruption, level=condition.level, **self._scores())

    def among(self, chosen: Tensor) -> "Outcomes":
        """Of the examples that are True in `chosen`, (N,)."""
        return unpacked(packed(self)[chosen])

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
        self.processes = distributed.current()
        self.seconds = 0.0

    def outcomes(
        self,
        source: ImageSource,
        rows: Tensor,
        labels: Tensor,
        condition: Condition | None = None,
        *,
        at_once: int | None = None,
    ) -> Outcomes:
        """Of rows (N,) of the source; `labels` are those of all its rows. `condition` draws by the row's number."""

        def of_slice(part: Tensor, images: Tensor) -> Tensor:
            if condition is not None:
                images = condition.change(images, part.to(self.device))
            made = outcomes(self.logits(images), labels[part].to(self.device))
            return torch.cat([packed(made)[:, :3], _column(source.readable(part), made)], dim=1)

        return unpacked(self.by_row(source, rows, of_slice, at_once=at_once))

    def by_row(
        self,
        source: ImageSource,
        rows: Tensor,
        function: Callable[[Tensor, Tensor], Tensor],
        *,
        at_once: int | None = None,
    ) -> Tensor:
        """`function(rows (B,), images (B, C, H, W) in [0, 1])` -> (B, …), for all rows (N,): (N, …), on the CPU."""

        def of_slice(part: Tensor) -> Tensor:
            with torch.inference_mode(False):  # threads may write into the batch
                images = source.images(part, None)
            images = images.float().div_(255)
            self.progress.add(EVALUATED * len(part) * self.processes.size)
            return function(part, images)

        size = at_once or SLICE.get(self.device.type, GPU_SLICE)
        with self._timed(), correctness.evaluating(self.network):
            self.checks.record_mode(self.network)
            return evaluation_rows.evaluate(of_slice, rows, size, self.device)

    def logits(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) -> logits after 0 … L blocks, (L+1, B, K); one row for a network without depths."""
        if isinstance(self.network, Backbone):
            return self.network.forward_depths(images)
        logits: Tensor = self.network(images)
        return logits.unsqueeze(0)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        start = perf_counter()
        yield
        self.seconds += perf_counter() - start


def outcomes(logits: Tensor, labels: Tensor) -> Outcomes:
    """Logits (L+1, N, K) and labels (N,) on one device -> per example, on the CPU."""
    best = logits.topk(min(TOP, logits.shape[-1]), dim=-1).indices
    # argmax takes the first of equal logits: a network that gives equal ones is at chance
    top1 = logits.argmax(dim=-1) == labels
    top5 = (best == labels.view(1, -1, 1)).any(dim=-1) | top1
    log_p = logits.to(torch.float64).log_softmax(dim=-1)
    of_label = labels.expand(len(logits), -1).unsqueeze(-1)  # (L+1, N, 1)
    loss = log_p.gather(-1, of_label).squeeze(-1).neg()
    return Outcomes(top1.cpu(), top5.cpu(), loss.cpu(), torch.ones(len(labels), dtype=torch.bool))


def packed(made: Outcomes) -> Tensor:
    """(N, 4, L+1) float64: one row an example, to be sent between processes."""
    columns = torch.stack([made.top1.double(), made.top5.double(), made.loss], dim=0)
    return torch.cat([columns.permute(2, 0, 1), _column(made.readable, made)], dim=1)


def unpacked(rows: Tensor) -> Outcomes:
    """The reverse of `packed`."""
    top1, top5, loss, readable = rows.permute(1, 2, 0)
    return Outcomes(top1.bool(), top5.bool(), loss.contiguous(), readable[0].bool())


def _column(flags: Tensor, made: Outcomes) -> Tensor:
    """(N,) -> (N, 1, L+1)."""
    return flags.double().view(-1, 1, 1).expand(-1, 1, len(made.top1))
