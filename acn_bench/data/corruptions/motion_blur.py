"""The camera moves."""

from torch import Tensor

from acn_bench.data.corruptions import motion
from acn_bench.data.corruptions.corruption import common_corruption
from acn_bench.data.corruptions.draws import Draws


@common_corruption(  # radius, sigma
    cifar_c=((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
    imagenet_c=((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
)
def motion_blur(pixels: Tensor, c: tuple[int, float], draws: Draws) -> Tensor:
    """At an angle in [-45°, 45°); rounded to 8 bits, as ImageMagick does."""
    degrees = draws.uniform(-45, 45, purpose="angle")
    return motion.motion_blur(pixels, *c, degrees)
