"""Blurred, pixels replaced by near ones, blurred again."""

import torch
from torch import Tensor

from acn_bench.data.corruptions.corruption import common_corruption
from acn_bench.data.corruptions.division import unit
from acn_bench.data.corruptions.draws import Draws
from acn_bench.data.corruptions.gaussian_filter import gaussian_filter
from acn_bench.data.corruptions.packed import pack, unpack


@common_corruption(  # sigma, largest distance, iterations
    cifar_c=((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
    imagenet_c=((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
)
def glass_blur(pixels: Tensor, c: tuple[float, int, int], draws: Draws) -> Tensor:
    """Each pixel in turn becomes the one at a random displacement in [-c₁, c₁).

    The published code means to swap two pixels, and copies: both hold rows of one array.
    """
    sigma, reach, iterations = c
    blurred = gaussian_filter(unit(pixels), sigma)
    x = blurred.clamp_(0, 1).mul_(255).to(torch.uint8)
    side = max(0, pixels.shape[-1] - 2 * reach)
    for iteration in range(iterations):
        drawn = draws.sixteen_bits(2, side, side, purpose=f"moves {iteration}")
        x = replaced(x, (drawn.mul_(2 * reach) >> 16).sub_(reach), reach)
    return gaussian_filter(unit(x), sigma)


def replaced(x: Tensor, moves: Tensor, reach: int) -> Tensor:
    """Replace the pixels reach < h, w <= S - reach of x (B, 3, S, S) by those at moves (B, 2, …, …), (dx, dy) each.

    The pixels take their turns from the last row up and from the right to the left. A source whose turn has come
    is a copy itself: chains of copies are followed by doubling, not pixel by pixel.
    """
    size = x.shape[-1]
    pixel = torch.arange(size * size, dtype=torch.int32, device=x.device).view(size, size)
    turns = pixel[reach + 1 : size - reach + 1, reach + 1 : size - reach + 1]
    source = moves[:, 1].mul(size).add_(moves[:, 0]).add_(turns)  # (B, side, side)
    after = pixel.repeat(len(x), 1, 1)
    after[:, reach + 1 : size - reach + 1, reach + 1 : size - reach + 1] = source
    places = after.flatten(1).long()
    if reach > 1:  # else a source is never a pixel that has had its turn
        places = _followed(places, pixel, turns)
    return unpack(pack(x).gather(1, places)).view(x.shape)


def _followed(after: Tensor, pixel: Tensor, turns: Tensor) -> Tensor:
    """(B, S²) the sources of all pixels -> the pixels that they are copies of."""
    count = pixel.numel()
    moved = torch.zeros(count, dtype=torch.bool, device=after.device)
    moved[turns.flatten().long()] = True
    # places 0 … S²-1 are pixels after their turn, S² … 2 S²-1 as they were before
    copied = (after > pixel.flatten()) & moved[after]
    after = torch.where(copied, after, after + count)
    while bool((after < count).any()):
        after = torch.where(after < count, after.gather(1, after % count), after)
    return after - count
