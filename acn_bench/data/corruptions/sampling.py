"""Images at places between their pixels, by linear interpolation in float32 in a fixed order."""

from typing import Literal

import torch
from torch import Tensor

Mirrored = Literal["mirror", "symmetric"]


def sampled(x: Tensor, rows: Tensor, columns: Tensor, border: Mirrored) -> Tensor:
    """The values of x (B, C, S, S) at rows and columns (B, S', S') float64 -> (B, C, S', S') float32.

    In a mirrored image the four pixels around a place lie beside each other: one index serves all four.
    """
    size, edge = x.shape[2], 1 if border == "mirror" else 0  # an edge that is not repeated
    top, left = rows.floor(), columns.floor()
    down, right = _share(rows, top), _share(columns, left)
    reach = max(_reach(size, top), _reach(size, left))
    if reach > size - edge:
        top, left = (_nearest(places, 2 * (size - edge)) for places in (top, left))
        reach = size - edge
    wide = _mirrored(_mirrored(x, 3, reach, edge), 2, reach, edge)
    width = wide.shape[3]
    index = top.to(torch.int32).add_(reach).mul_(width).add_(left.to(torch.int32)).add_(reach)
    plane = torch.arange(x.shape[0] * x.shape[1], dtype=torch.int32, device=x.device)
    plane = plane.mul_(width * width).view(*x.shape[:2], 1, 1)
    index = (index.unsqueeze(1) + plane).flatten()
    flat, shape = wide.flatten(), (*x.shape[:2], *rows.shape[1:])

    def at(i: int, j: int) -> Tensor:
        pixels = flat[i * width + j :].index_select(0, index)
        return pixels.to(torch.float32).view(shape)

    left_share, upper_share = 1 - right, 1 - down
    upper = at(0, 0).mul_(left_share).add_(at(0, 1).mul_(right))
    lower = at(1, 0).mul_(left_share).add_(at(1, 1).mul_(right))
    return upper.mul_(upper_share).add_(lower.mul_(down))


def _share(places: Tensor, below: Tensor) -> Tensor:
    """How much the next pixel counts, (B, 1, S', S') float32."""
    return (places - below).to(torch.float32).unsqueeze(1)


def _reach(size: int, below: Tensor) -> int:
    """By how many pixels the places and their next pixels leave the image."""
    low, high = torch.stack(below.aminmax()).tolist()
    return int(max(-low, high - (size - 2), 0))


def _nearest(places: Tensor, period: int) -> Tensor:
    """Whole numbers, float64 -> the same places in the mirrored image, at most half a period from 0."""
    return places - (places * (1 / period)).round_().mul_(period)


def _mirrored(x: Tensor, dim: int, reach: int, edge: int) -> Tensor:
    """The image with `reach` more places on both sides."""
    if not reach:
        return x
    before = x.narrow(dim, edge, reach).flip(dim)
    after = x.narrow(dim, x.shape[dim] - edge - reach, reach).flip(dim)
    return torch.cat((before, x, after), dim)
