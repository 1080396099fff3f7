"""Fewer pixels: made smaller and large again by boxes."""

from functools import lru_cache

import torch
from torch import Tensor

from acn_bench.data.corruptions.corruption import common_corruption
from acn_bench.data.corruptions.draws import Draws

BITS = 22  # of Pillow's weights


@common_corruption(cifar_c=(0.95, 0.9, 0.85, 0.75, 0.65), imagenet_c=(0.6, 0.5, 0.4, 0.3, 0.25))
def pixelate(pixels: Tensor, share: float, _: Draws) -> Tensor:
    """Resize to share · side and back, by Pillow's BOX filter: along the rows first, in whole numbers."""
    side = pixels.shape[-1]
    x = pixels.permute(
        3, 2, 0, 1
    ).contiguous()  # images last: a row or a column is a stretch of memory
    for new in (max(1, int(side * share)), side):
        x = _resized(_resized(x, 0, new), 1, new)
    return x.permute(2, 3, 1, 0)


def _resized(x: Tensor, dim: int, new: int) -> Tensor:
    """uint8 -> uint8 with `new` places along dimension 0 or 1: the rounded mean of each box of pixels."""
    first, counts, weights = _boxes(x.shape[dim], new, x.device)
    if new >= x.shape[dim]:
        return x.index_select(dim, first)  # boxes of one pixel
    shape = (-1, *[1] * (x.dim() - 1 - dim))
    total = x.index_select(dim, first).to(torch.int32)
    for k in range(1, int(counts.max())):
        pixel = x.index_select(dim, (first + k).clamp(max=x.shape[dim] - 1))
        total += pixel * (counts > k).to(torch.uint8).view(shape)
    return (total.mul_(weights.view(shape)).add_(2 ** (BITS - 1)) >> BITS).to(torch.uint8)


@lru_cache
def _boxes(old: int, new: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """(new,) each: the first pixel of each box, how many it has, and the weight of each in units of 2^-22.

    Pillow's Resample.c, precompute_coeffs and box_filter.
    """
    scale = old / new
    wide = max(scale, 1.0)
    boxes = []
    for i in range(new):
        centre = (i + 0.5) * scale
        low, high = max(int(centre - wide / 2 + 0.5), 0), min(int(centre + wide / 2 + 0.5), old)
        inside = [k for k in range(low, high) if -0.5 < (k - centre + 0.5) / wide <= 0.5]
        boxes.append((inside[0], len(inside), int(0.5 + 2**BITS / len(inside))))
    first, counts, weights = torch.tensor(boxes, dtype=torch.int32, device=device).unbind(1)
    return first, counts, weights
