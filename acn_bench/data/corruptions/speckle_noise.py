"""Normal noise on each value, in proportion to the value."""

from torch import Tensor

from acn_bench.data.corruptions.corruption import common_corruption
from acn_bench.data.corruptions.division import unit
from acn_bench.data.corruptions.draws import Draws


@common_corruption(cifar_c=(0.06, 0.1, 0.12, 0.16, 0.2), imagenet_c=(0.15, 0.2, 0.35, 0.45, 0.6))
def speckle_noise(pixels: Tensor, sigma: float, draws: Draws) -> Tensor:
    """Add x · sigma · z."""
    x = unit(pixels)
    return draws.normals(*pixels.shape[1:]).mul_(sigma).mul_(x).add_(x)
