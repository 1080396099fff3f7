"""A share of the values, each channel for itself: black or white."""

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
    return pixels.masked_fill(drawn < half, 0).masked_fill_(drawn >= 2**16 - half, 255)
