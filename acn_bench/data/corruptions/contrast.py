"""Distances to the mean of the channel, scaled."""

from torch import Tensor

from acn_bench.data.corruptions.corruption import common_corruption
from acn_bench.data.corruptions.division import divided, unit
from acn_bench.data.corruptions.draws import Draws


@common_corruption(cifar_c=(0.75, 0.5, 0.4, 0.3, 0.15), imagenet_c=(0.4, 0.3, 0.2, 0.1, 0.05))
def contrast(pixels: Tensor, share: float, _: Draws) -> Tensor:
    """(x - mean) · share + mean."""
    total = pixels.sum(dim=(2, 3), keepdim=True)  # integers: exact in any order
    mean = divided(unit(total), pixels.shape[2] * pixels.shape[3])
    x = unit(pixels)
    return x.sub_(mean).mul_(share).add_(mean)
