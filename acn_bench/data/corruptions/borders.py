"""Places outside an image -> the pixels that stand for them."""

from typing import Literal

import torch
from torch import Tensor

Border = Literal["edge", "mirror", "symmetric"]  # aaa|abcd|ddd, dcb|abcd|cba, cba|abcd|dcb


def inside(places: Tensor, size: int, border: Border) -> Tensor:
    """Whole numbers of any size, float64 -> places in [0, size), float64."""
    if border == "edge":
        return places.clamp(0, size - 1)
    period = 2 * size - 2 if border == "mirror" else 2 * size
    last = period if border == "mirror" else period - 1  # where the way back ends
    places = places - (places * (1 / max(period, 1))).floor_().mul_(period)
    return torch.minimum(places, last - places).clamp_(0, size - 1)


def extended(x: Tensor, dim: int, radius: int, border: Border) -> Tensor:
    """The tensor with `radius` more places on both sides of a dimension."""
    places = torch.arange(-radius, x.shape[dim] + radius, dtype=torch.float64, device=x.device)
    return x.index_select(dim, inside(places, x.shape[dim], border).to(torch.int64))
