"""Images convolved with a Gaussian, by SciPy's operations in SciPy's order; edges are repeated."""

import numpy as np
import torch
from torch import Tensor


def gaussian_filter(x: Tensor, sigma: float) -> Tensor:
    """(H, W, N), images last -> the same type; first along H, then along W."""
    weights = _weights(sigma, int(4 * sigma + 0.5))
    return _correlated(_correlated(x, weights, 0), weights, 1)


def _correlated(x: Tensor, weights: list[float], dim: int) -> Tensor:
    """The centre first, then pairs from the outermost to the innermost."""
    size, radius = x.shape[dim], len(weights) - 1
    if not radius:
        return x
    exact = x.to(torch.float64)
    edges = [exact.narrow(dim, place, 1) for place in (0, size - 1)]
    before, after = (
        e.expand(radius, -1, -1) if dim == 0 else e.expand(-1, radius, -1) for e in edges
    )
    wide = torch.cat((before, exact, after), dim)
    total = exact * weights[0]
    pair = torch.empty_like(total)
    for k in range(radius, 0, -1):
        left, right = wide.narrow(dim, radius - k, size), wide.narrow(dim, radius + k, size)
        total += torch.add(left, right, out=pair).mul_(weights[k])
    return total.to(x.dtype)


def _weights(sigma: float, radius: int) -> list[float]:
    """The weights at distances 0 … radius; both sides add up to 1."""
    if not radius:
        return [1.0]
    distance = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 / (sigma * sigma) * distance**2)
    weights /= weights.sum()
    return [float(w) for w in weights[radius:]]
