"""Drops of water or mud on the lens."""

import torch
from torch import Tensor

from acn_bench.data.corruptions.borders import extended
from acn_bench.data.corruptions.corruption import common_corruption
from acn_bench.data.corruptions.division import unit
from acn_bench.data.corruptions.draws import Draws
from acn_bench.data.corruptions.edges import UNIT, canny, distance
from acn_bench.data.corruptions.gaussian_filter import gaussian_filter
from acn_bench.data.corruptions.layout import images_first, images_last

Spatter = tuple[float, float, float, float, float, bool]
WATER, MUD = (175, 238, 238), (63, 42, 20)
DEEPEST = 20  # pixels


@common_corruption(  # mean, deviation, sigma and threshold of the drops; strength or sigma; whether it is mud
    cifar_c=(
        (0.62, 0.1, 0.7, 0.7, 0.5, False),
        (0.65, 0.1, 0.8, 0.7, 0.5, False),
        (0.65, 0.3, 1, 0.69, 0.5, False),
        (0.65, 0.1, 0.7, 0.69, 0.6, True),
        (0.65, 0.1, 0.5, 0.68, 0.6, True),
    ),
    imagenet_c=(
        (0.65, 0.3, 4, 0.69, 0.6, False),
        (0.65, 0.3, 3, 0.68, 0.6, False),
        (0.65, 0.3, 2, 0.68, 0.5, False),
        (0.65, 0.3, 1, 0.65, 1.5, True),
        (0.67, 0.4, 1, 0.65, 1.5, True),
    ),
)
def spatter(pixels: Tensor, c: Spatter, draws: Draws) -> Tensor:
    """An image without a drop stays as it is, where the published code divides 0 by 0."""
    return spattered(pixels, c, draws.normals(*pixels.shape[2:]))


def spattered(pixels: Tensor, c: Spatter, noise: Tensor) -> Tensor:
    """Spatter from noise (B, S, S), standard normal."""
    mean, deviation, sigma, threshold, strength, mud = c
    drawn = images_last(noise.mul(deviation).add_(mean).unsqueeze(1))
    liquid = images_first(gaussian_filter(drawn, sigma), 1).contiguous()
    x = unit(pixels)
    if mud:
        drops = images_last((liquid > threshold).to(torch.float32))
        cover = images_first(gaussian_filter(drops, strength), 1).to(torch.float64)
        cover = cover.masked_fill(cover < 0.8, 0)
        return x.mul_(1 - cover).add_(_colour(MUD, x) * cover)
    liquid = (
        liquid.masked_fill(liquid < threshold, 0).squeeze(1).clamp_(0, 1).mul_(255).to(torch.uint8)
    )
    shine = (liquid.to(torch.int32) * _light(liquid).to(torch.int32)).to(torch.float64)
    shine = shine.div_(shine.amax(dim=(1, 2), keepdim=True).clamp_(min=1)).mul_(strength)
    return x.add_(shine.unsqueeze(1) * _colour(WATER, x))


def _colour(colour: tuple[int, int, int], like: Tensor) -> Tensor:
    return unit(torch.tensor(colour, device=like.device)).view(1, 3, 1, 1)


def _light(liquid: Tensor) -> Tensor:
    """(B, H, W) uint8 -> uint8: lit from one side, by the distance to the edges of the drops."""
    depth = _box(distance(canny(liquid, 50, 150), DEEPEST)).to(torch.float64)
    depth = _equalised(depth.mul_(1 / UNIT).mul_(1 / 9).to(torch.uint8))
    wide = _mirrored(depth.to(torch.int32))
    upper = -2 * wide[:, :-2, :-2] - wide[:, :-2, 1:-1] - wide[:, 1:-1, :-2]
    lower = wide[:, 1:-1, 2:] + wide[:, 2:, 1:-1] + 2 * wide[:, 2:, 2:]
    lit = (upper + wide[:, 1:-1, 1:-1] + lower).clamp_(0, 255)
    return _box(lit).to(torch.float64).mul_(1 / 9).round_().to(torch.uint8)


def _box(x: Tensor) -> Tensor:
    """Sums of 3 × 3."""
    wide = _mirrored(x)
    rows = wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]
    return rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]


def _mirrored(x: Tensor) -> Tensor:
    return extended(extended(x, 1, 1, "mirror"), 2, 1, "mirror")


def _equalised(grey: Tensor) -> Tensor:
    """(B, H, W) uint8 -> the same with an even histogram, as OpenCV's equalizeHist; an image of one value stays."""
    flat = grey.flatten(1).to(torch.int64)
    counts = torch.zeros(len(flat), 256, dtype=torch.int64, device=grey.device)
    counts.scatter_add_(1, flat, torch.ones_like(flat))
    lowest = flat.amin(1, keepdim=True)
    first = counts.gather(1, lowest)
    rest = (flat.shape[1] - first).to(torch.float32).clamp_(min=1)
    scale = torch.full_like(rest, 255).div_(rest)
    even = (counts.cumsum(1) - first).clamp_(min=0).to(torch.float32).mul_(scale)
    even = even.round_().clamp_(0, 255).to(torch.int64)
    return (
        torch.where(first == flat.shape[1], flat, even.gather(1, flat))
        .to(torch.uint8)
        .view_as(grey)
    )
