"""A Gaussian blur."""

from torch import Tensor

from acn_bench.data.corruptions.corruption import common_corruption
from acn_bench.data.corruptions.division import unit
from acn_bench.data.corruptions.draws import Draws
from acn_bench.data.corruptions.gaussian_filter import gaussian_filter
from acn_bench.data.corruptions.layout import images_first, images_last


@common_corruption(cifar_c=(0.4, 0.6, 0.7, 0.8, 1), imagenet_c=(1, 2, 3, 4, 6))
def gaussian_blur(pixels: Tensor, sigma: float, _: Draws) -> Tensor:
    """Standard deviation sigma, in pixels."""
    return images_first(gaussian_filter(unit(images_last(pixels)), sigma))
