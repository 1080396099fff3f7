"""Flakes that fall, and a paler image behind them."""

import torch
from torch import Tensor

from acn_bench.data.corruptions import zoom
from acn_bench.data.corruptions.corruption import common_corruption
from acn_bench.data.corruptions.division import unit
from acn_bench.data.corruptions.draws import Draws
from acn_bench.data.corruptions.motion import motion_blur

Snow = tuple[float, float, float, float, int, float, float]


@common_corruption(  # mean, deviation, zoom and threshold of the flakes; radius and sigma of their fall; colour kept
    cifar_c=(
        (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    ),
    imagenet_c=(
        (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
        (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
        (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    ),
    at_once=2**18,
)
def snow(pixels: Tensor, c: Snow, draws: Draws) -> Tensor:
    """The flakes are 8-bit before and after their fall, as ImageMagick takes and gives them."""
    noise = draws.normals(*pixels.shape[2:], purpose="flakes")
    degrees = draws.uniform(-135, -45, purpose="angle")
    return snowed(pixels, c, noise, degrees)


def snowed(pixels: Tensor, c: Snow, noise: Tensor, degrees: Tensor) -> Tensor:
    """Snow from noise (B, S, S), standard normal, that falls along degrees (B,)."""
    mean, deviation, factor, threshold, radius, sigma, kept = c
    flakes = noise.movedim(0, 2).contiguous().mul_(deviation).add_(mean)
    flakes = zoom.enlarged(flakes, zoom.cut(len(flakes), factor))
    flakes = flakes.masked_fill(flakes < threshold, 0).clamp_(0, 1).mul_(255).to(torch.uint8)
    flakes = flakes.movedim(2, 0).unsqueeze(1).contiguous()
    layer = unit(motion_blur(flakes, radius, sigma, degrees), torch.float32)
    x = unit(pixels, torch.float32)
    red, green, blue = x.split(1, dim=1)
    grey = (red * 0.299).add_(green * 0.587).add_(blue * 0.114)
    pale = torch.maximum(x, grey.mul_(1.5).add_(0.5)).mul_(1 - kept)
    return x.mul_(kept).add_(pale).add_(layer + layer.rot90(2, (2, 3)))
