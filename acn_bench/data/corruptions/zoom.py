"""The centre of an image, enlarged to the image's size, by SciPy's linear zoom."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

Cut = tuple[int, int]  # the side of the centre, and its side once it is enlarged


def cut(size: int, factor: float) -> Cut:
    """What a factor means for an image of this size; several factors may mean the same."""
    side = int(np.ceil(size / factor))
    return side, round(side * factor)


def enlarged(x: Tensor, cut: Cut) -> Tensor:
    """(S, S, N) float64, contiguous, images last -> the same: so a row and a column are a stretch of memory each."""
    if cut == (len(x), len(x)):
        return x
    low, high, near, far = _places(len(x), cut, x.device)
    tall = _between(x, 0, low, high, near.view(-1, 1, 1), far.view(-1, 1, 1))
    return _between(tall, 1, low, high, near.view(-1, 1), far.view(-1, 1))


def _between(x: Tensor, dim: int, low: Tensor, high: Tensor, near: Tensor, far: Tensor) -> Tensor:
    """Near · the one + far · the other."""
    upper = x.index_select(dim, high).mul_(far)
    return x.index_select(dim, low).mul_(near).add_(upper)


@lru_cache(maxsize=128)
def _places(size: int, cut: Cut, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(S,) each: the two pixels that an output pixel lies between, and their weights."""
    side, large = cut
    first, trim = (size - side) // 2, (large - size) // 2
    place = np.arange(large)[trim : trim + size] * ((side - 1) / max(large - 1, 1))
    low = np.minimum(np.floor(place).astype(np.int64), side - 1)
    high = np.minimum(low + 1, side - 1)
    low_, high_, far = (torch.from_numpy(a).to(device) for a in (low, high, place - low))
    return first + low_, first + high_, 1 - far, far
