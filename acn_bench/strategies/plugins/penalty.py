"""Weights, anchors and importances -> the quadratic penalty that SI and EWC add to the loss.

The penalty is one node of the graph and uses operations over lists of tensors: in a network of small layers,
separate calls for each tensor would take longer than the arithmetic.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def differences(a: Sequence[Tensor], b: Sequence[Tensor]) -> list[Tensor]:
    """Tensor-wise a - b, in one call."""
    return list(torch._foreach_sub(list(a), list(b)))


def quadratic(
    params: Sequence[Tensor], anchor: Sequence[Tensor], importance: Sequence[Tensor]
) -> Tensor:
    """Σ_w Ω (θ - θ*)² over all tensors, a scalar; its gradient is 2 Ω (θ - θ*)."""
    total: Tensor = _Quadratic.apply(list(anchor), list(importance), *params)
    return total


class _Quadratic(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, anchor: list[Tensor], importance: list[Tensor], *params: Tensor
    ) -> Tensor:
        drift = differences(params, anchor)
        ctx.pull = torch._foreach_mul(importance, drift)
        return torch.dot(_flat(ctx.pull), _flat(drift))

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        pull = torch._foreach_mul(ctx.pull, 2 * outer[0])
        return None, None, *pull


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    """All their values in one row: one sum instead of one of each tensor."""
    return torch.cat([t.flatten() for t in tensors])
