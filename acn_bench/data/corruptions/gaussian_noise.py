"""Normal noise on each value."""

from torch import Tensor

from acn_bench.data.corruptions.corruption import common_corruption
from acn_bench.data.corruptions.division import unit
from acn_bench.data.corruptions.draws import Draws


@common_corruption(
    cifar_c=(0.04, 0.06, 0.08, 0.09, 0.10), imagenet_c=(0.08, 0.12, 0.18, 0.26, 0.38)
)
def gaussian_noise(pixels: Tensor, sigma: float, draws: Draws) -> Tensor:
    """Add sigma · z."""
    z = draws.normals(*pixels.shape[1:])
    return z.mul_(sigma).add_(unit(pixels))
