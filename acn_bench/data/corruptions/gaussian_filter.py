"""Images convolved with a Gaussian, by SciPy's operations in SciPy's order."""

import numpy as np
import torch
from torch import Tensor

from acn_bench.data.corruptions.borders import Border, extended


def gaussian_filter(
    x: Tensor, sigma: float, border: Border = "edge", truncate: float = 4.0
) -> Tensor:
    """(…, H, W) -> the same type; first along H, then along W. `truncate`: the radius in units of sigma."""
    weights = _weights(sigma, int(truncate * sigma + 0.5))
    return _correlated(_correlated(x, weights, -2, border), weights, -1, border)


def _correlated(x: Tensor, weights: list[float], dim: int, border: Border) -> Tensor:
    """The centre first, then pairs from the outermost to the innermost."""
    size, radius = x.shape[dim], len(weights) - 1
    wide = extended(x.to(torch.float64), dim, radius, border)
    total = wide.narrow(dim, radius, size) * weights[0]
    for k in range(radius, 0, -1):
        left, right = wide.narrow(dim, radius - k, size), wide.narrow(dim, radius + k, size)
        total += left.add(right).mul_(weights[k])
    return total.to(x.dtype)


def _weights(sigma: float, radius: int) -> list[float]:
    """The weights at distances 0 … radius; both sides add up to 1."""
    if not radius:
        return [1.0]
    distance = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 / (sigma * sigma) * distance**2)
    weights /= weights.sum()
    return [float(w) for w in weights[radius:]]
