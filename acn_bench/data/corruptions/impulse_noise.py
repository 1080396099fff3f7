"""A share of the values, each channel for itself: black or white."""

import torch
from torch import Tensor

from acn_bench.data.corruptions.corruption import common_corruption
from acn_bench.data.corruptions.draws import Draws


@common_corruption(
    cifar_c=(0.01, 0.02, 0.03, 0.05, 0.07), imagenet_c=(0.03, 0.06, 0.09, 0.17, 0.27)
)
def impulse_noise(pixels: Tensor, share: float, draws: Draws) -> Tensor:
    """Half of the share to 0, half to 255; scikit-image's "s&p"."""
    drawn = draws.sixteen_bits(*pixels.shape[1:])
    half = round(share * 2**15)
    white = (
        (drawn - (2**16 - half - 1)).clamp_(0, 1).to(torch.uint8)
    )  # much faster than a comparison
    kept = drawn.sub_(half - 1).clamp_(0, 1).to(torch.uint8)
    return torch.maximum(kept.mul_(pixels), white.mul_(255))
