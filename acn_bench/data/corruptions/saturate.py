"""The saturation of each pixel in HSV, scaled and shifted."""

from torch import Tensor

from acn_bench.data.corruptions import hsv
from acn_bench.data.corruptions.corruption import common_corruption
from acn_bench.data.corruptions.draws import Draws


@common_corruption(
    cifar_c=((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)),
    imagenet_c=((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)),
)
def saturate(pixels: Tensor, c: tuple[float, float], _: Draws) -> Tensor:
    """Saturation · c₀ + c₁, clipped."""
    hue, saturation, value = hsv.from_pixels(pixels)
    return hsv.to_pixels(hue, saturation.mul_(c[0]).add_(c[1]).clamp_(0, 1), value)
