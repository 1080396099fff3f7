"""Divisions that round alike everywhere: by a plain number, a GPU multiplies with the rounded reciprocal instead."""

import torch
from torch import Tensor


def divided(x: Tensor, by: float) -> Tensor:
    """Divide in place, rounded once."""
    return x.div_(torch.full((), by, dtype=x.dtype, device=x.device))


def unit(pixels: Tensor, dtype: torch.dtype = torch.float64) -> Tensor:
    """0 … 255 -> [0, 1], a new tensor."""
    return divided(pixels.to(dtype, copy=True), 255)
