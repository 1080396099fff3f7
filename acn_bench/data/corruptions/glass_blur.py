"""Blurred, pixels replaced by near ones, blurred again."""

import torch
from torch import Tensor

from acn_bench.data.corruptions.corruption import common_corruption
from acn_bench.data.corruptions.division import unit
from acn_bench.data.corruptions.draws import Draws
from acn_bench.data.corruptions.gaussian_filter import gaussian_filter
from acn_bench.data.corruptions.layout import images_first, images_last


@common_corruption(  # sigma, largest distance, iterations
    cifar_c=((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
    imagenet_c=((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
)
def glass_blur(pixels: Tensor, c: tuple[float, int, int], draws: Draws) -> Tensor:
    """Each pixel in turn becomes the one at a random displacement in [-c₁, c₁).

    The published code means to swap two pixels, and copies: both hold rows of one array.
    """
    sigma, reach, iterations = c
    blurred = gaussian_filter(unit(images_last(pixels)), sigma)
    x = images_first(blurred.clamp_(0, 1).mul_(255).to(torch.int16).to(torch.uint8)).contiguous()
    side = max(0, pixels.shape[-1] - 2 * reach)
    for iteration in range(iterations if side else 0):  # in a small image no pixel has its turn
        drawn = draws.sixteen_bits(2, side, side, purpose=f"moves {iteration}")
        x = replaced(x, (drawn.mul_(2 * reach) >> 16).sub_(reach), reach)
    return images_first(gaussian_filter(unit(images_last(x)), sigma))


def replaced(x: Tensor, moves: Tensor, reach: int) -> Tensor:
    """Replace the pixels reach < h, w <= S - reach of x (B, 3, S, S) by those at moves (B, 2, …, …), (dx, dy) each.

    The pixels take their turns from the last row up and from the right to the left. A source whose turn has come
    is a copy itself: chains of copies are followed by doubling, not pixel by pixel.
    """
    images, channels, size = x.shape[:3]
    pixel = torch.arange(size * size, dtype=torch.int32, device=x.device).view(size, size)
    turns = slice(reach + 1, size - reach + 1)
    places = pixel.repeat(images, 1, 1)
    places[:, turns, turns] += moves[:, 1].mul(size).add_(moves[:, 0])
    places = places.flatten(1)
    if reach > 1:  # else a source is never a pixel that has had its turn
        places = _followed(places, pixel.flatten())
    plane = torch.arange(images * channels, dtype=torch.int32, device=x.device) * (size * size)
    index = places.unsqueeze(1) + plane.view(images, channels, 1)
    return x.flatten().index_select(0, index.flatten()).view(x.shape)


def _followed(source: Tensor, pixel: Tensor) -> Tensor:
    """(B, S²) int32, the sources of all pixels -> the pixels that they are copies of.

    For each image, places 0 … S²-1 are pixels after their turn, S² … 2 S²-1 as they were before: a later pixel has
    had its turn. A pixel without a turn is the same before and after.
    """
    count = len(pixel)
    begin = torch.arange(len(source), dtype=torch.int32, device=source.device).mul_(2 * count)
    source = source + (source <= pixel).to(torch.int32).mul_(count).add_(begin.view(-1, 1))
    before = (pixel + count + begin.view(-1, 1)).expand_as(source)
    while True:
        table = torch.cat((source, before), dim=1).flatten()
        further = table.index_select(0, source.flatten()).view_as(source)
        if torch.equal(further, source):
            return source - begin.view(-1, 1).add(count)
        source = further
