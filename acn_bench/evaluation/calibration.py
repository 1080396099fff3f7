"""Logits at every depth -> how right and how confident the predictions are: accuracy, NLL, ECE and Brier score.

Everything is kept per example, in float64, until it is averaged: no number depends on how examples were batched.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from acn_bench.evaluation import correctness

BINS = 15  # of confidence, of equal width (Guo et al. 2017)


@dataclass(frozen=True)
class Predictions:
    """Of N examples after 0 … L blocks, each (L+1, N) on the CPU."""

    correct: Tensor  # bool
    confidence: Tensor  # the largest probability
    nll: Tensor  # −log of the label's probability, in nats
    brier: Tensor  # Σ_k (p_k − [k is the label])², in [0, 2] (Brier 1950)

    @property
    def accuracy(self) -> list[float]:
        """Share of correct predictions by depth, (L+1,)."""
        return correctness.shares(self.correct)

    @property
    def mean_nll(self) -> list[float]:
        """Negative log-likelihood by depth, (L+1,), in nats."""
        return _means(self.nll)

    @property
    def mean_brier(self) -> list[float]:
        """Brier score by depth, (L+1,)."""
        return _means(self.brier)

    @property
    def calibration_error(self) -> list[float]:
        """Expected calibration error by depth, (L+1,): Σ over bins of n/N · |accuracy − mean confidence|."""
        bins = reliability(self)
        gaps = (bins.correct - bins.confidence).abs().sum(dim=1) / self.correct.shape[1]
        values: list[float] = gaps.tolist()
        return values


@dataclass(frozen=True)
class Bins:
    """Examples by confidence, each (L+1, BINS): bin b holds confidences in (b/BINS, (b+1)/BINS]."""

    count: Tensor
    confidence: Tensor  # sum over the examples of the bin
    correct: Tensor  # how many of them are correct


def predictions(logits: Tensor, labels: Tensor) -> Predictions:
    """Logits (L+1, N, K) and labels (N,) on one device -> per example, on the CPU."""
    log_p = logits.to(torch.float64).log_softmax(dim=-1)
    p = log_p.exp()
    of_label = labels.expand(len(logits), -1).unsqueeze(-1)  # (L+1, N, 1)
    p_label = p.gather(-1, of_label).squeeze(-1)
    return Predictions(
        correct=(logits.argmax(dim=-1) == labels).cpu(),
        confidence=p.amax(dim=-1).cpu(),
        nll=log_p.gather(-1, of_label).squeeze(-1).neg().cpu(),
        brier=(p.square().sum(dim=-1) - 2 * p_label + 1).cpu(),
    )


def joined(parts: Sequence[Predictions]) -> Predictions:
    """The predictions of several parts of the examples, in order."""
    return Predictions(
        *(
            torch.cat([getattr(part, name) for part in parts], dim=1)
            for name in ("correct", "confidence", "nll", "brier")
        )
    )


def reliability(made: Predictions) -> Bins:
    """The examples of every depth by confidence."""
    depths, _ = made.correct.shape
    place = (made.confidence * BINS).ceil_().sub_(1).clamp_(0, BINS - 1).to(torch.int64)
    place += BINS * torch.arange(depths).unsqueeze(1)

    def summed(values: Tensor) -> Tensor:
        flat = values.to(torch.float64).flatten()
        sums = torch.bincount(place.flatten(), weights=flat, minlength=BINS * depths)
        return sums.view(depths, BINS)

    ones = torch.ones_like(made.confidence)
    return Bins(summed(ones), summed(made.confidence), summed(made.correct))


def _means(values: Tensor) -> list[float]:
    means: list[float] = values.mean(dim=1).tolist()
    return means
