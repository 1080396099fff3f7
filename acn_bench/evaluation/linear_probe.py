"""Frozen features and labels -> a linear probe: multinomial logistic regression, fitted to its optimum.

No random numbers: features are standardised by the training rows, weights start at zero, and each step of
L-BFGS uses all rows. Of several penalties choose the one with the best held-out accuracy, as Kornblith et al.
2019 do; of equally good ones the largest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

STEPS = 100  # maximum steps of L-BFGS, per penalty


@dataclass(frozen=True)
class Probe:
    """Features (M, D) -> logits (M, K); holds the chosen penalty."""

    weight: Tensor  # (K, D)
    bias: Tensor  # (K,)
    penalty: float

    def __call__(self, features: Tensor) -> Tensor:
        return features.double() @ self.weight.T + self.bias


def fit(
    train: tuple[Tensor, Tensor],
    held_out: tuple[Tensor, Tensor],
    classes: int,
    penalties: Sequence[float],
) -> Probe:
    """The best probe on held-out rows; each pair is features (N, D) and labels (N,).

    A penalty p adds p/2 times the squared weights to the mean loss. The bias has no penalty.
    """
    x, y = train[0].double(), train[1]
    mean, spread = x.mean(dim=0), x.std(dim=0, correction=0)
    spread = torch.where(spread > 1e-6 * spread.max().clamp(min=1e-12), spread, 1.0)
    x = (x - mean) / spread
    weight = x.new_zeros(classes, x.shape[1])
    bias = x.new_zeros(classes)
    best, best_count = None, -1
    for penalty in sorted(
        penalties, reverse=True
    ):  # each starts from the solution of the larger one
        weight, bias = _optimum(x, y, weight, bias, penalty)
        raw = weight / spread
        probe = Probe(raw, bias - raw @ mean, penalty)
        count = int((probe(held_out[0]).argmax(dim=1) == held_out[1]).sum())
        if count > best_count:
            best, best_count = probe, count
    assert best is not None
    return best


def _optimum(
    x: Tensor, y: Tensor, weight: Tensor, bias: Tensor, penalty: float
) -> tuple[Tensor, Tensor]:
    """Standardised features (N, D) and labels -> weight (K, D) and bias (K,) that minimise the penalised loss."""
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    solver = torch.optim.LBFGS(
        [weight, bias],
        max_iter=STEPS,
        tolerance_grad=1e-6,
        tolerance_change=1e-9,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        solver.zero_grad()
        value = cross_entropy(x @ weight.T + bias, y) + penalty / 2 * weight.square().sum()
        value.backward()
        return value

    solver.step(loss)
    return weight.detach(), bias.detach()
