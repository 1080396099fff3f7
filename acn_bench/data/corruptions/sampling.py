"""Images at places between their pixels, by linear interpolation in float32 in a fixed order."""

import torch
from torch import Tensor

from acn_bench.data.corruptions.borders import Border, inside
from acn_bench.data.corruptions.packed import channels


def sampled(x: Tensor, rows: Tensor, columns: Tensor, border: Border) -> Tensor:
    """The values of x (B, H, W) at rows and columns (B, H', W') float64 -> (B, H', W', 4) float32.

    An element of x is a pixel: int32 for four channels of 8 bits, complex128 for four of float32.
    """
    height, width = x.shape[1:]
    top, left = rows.floor(), columns.floor()
    down, right = _four(rows - top), _four(columns - left)
    row = [inside(top + k, height, border).mul_(width).to(torch.int32) for k in (0, 1)]
    column = [inside(left + k, width, border).to(torch.int32) for k in (0, 1)]

    def at(i: int, j: int) -> Tensor:
        pixels = x.flatten(1).gather(1, (row[i] + column[j]).flatten(1).long())
        if x.is_complex():
            return pixels.view(torch.float32).view(down.shape)
        return channels(pixels).to(torch.float32).view(down.shape)

    upper = at(0, 0).mul_(1 - right).add_(at(0, 1).mul_(right))
    lower = at(1, 0).mul_(1 - right).add_(at(1, 1).mul_(right))
    return upper.mul_(1 - down).add_(lower.mul_(down))


def _four(x: Tensor) -> Tensor:
    return x.to(torch.float32).unsqueeze(-1).expand(*x.shape, 4).contiguous()
