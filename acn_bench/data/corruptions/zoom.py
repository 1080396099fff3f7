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
    size = x.shape[0]
    if cut == (size, size):
        return x
    pixels, shares = _places(size, cut, x.device)
    low, high = x.index_select(0, pixels).mul_(shares.unsqueeze(1)).split(size)
    columns: tuple[Tensor, Tensor] = (
        low.add_(high).index_select(1, pixels).mul_(shares).split(size, dim=1)
    )
    return columns[0] + columns[1]


@lru_cache(maxsize=128)
def _places(size: int, cut: Cut, device: torch.device) -> tuple[Tensor, Tensor]:
    """The pixel before each output pixel, then the one after each, (2 S,), and their weights, (2 S, 1)."""
    side, large = cut
    first, trim = (size - side) // 2, (large - size) // 2
    place = np.arange(large)[trim : trim + size] * ((side - 1) / max(large - 1, 1))
    low = np.minimum(np.floor(place).astype(np.int64), side - 1)
    high = np.minimum(low + 1, side - 1)
    pixels = torch.from_numpy(np.concatenate((low, high)) + first)
    shares = torch.from_numpy(np.concatenate((1 - (place - low), place - low)))
    return pixels.to(device), shares.unsqueeze(1).to(device)
