"""The value of each pixel in HSV, raised."""

from torch import Tensor

from acn_bench.data.corruptions import hsv
from acn_bench.data.corruptions.corruption import common_corruption
from acn_bench.data.corruptions.draws import Draws


@common_corruption(cifar_c=(0.05, 0.1, 0.15, 0.2, 0.3), imagenet_c=(0.1, 0.2, 0.3, 0.4, 0.5))
def brightness(pixels: Tensor, c: float, _: Draws) -> Tensor:
    """Value + c, clipped."""
    hue, saturation, value = hsv.from_pixels(pixels)
    return hsv.to_pixels(hue, saturation, value.add_(c).clamp_(0, 1))
