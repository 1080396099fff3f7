"""The centre of an image, enlarged to the image's size, by SciPy's linear zoom."""

import numpy as np
from torch import Tensor
from torch.nn.functional import interpolate

Cut = tuple[int, int]  # the side of the centre, and its side once it is enlarged


def cut(size: int, factor: float) -> Cut:
    """What a factor means for an image of this size; several factors may mean the same."""
    side = int(np.ceil(size / factor))
    return side, round(side * factor)


def enlarged(x: Tensor, cut: Cut) -> Tensor:
    """(S, S, N) float64, images last -> the same.

    torch adds a pixel's four products in an order of its own, which moves a value by less than 2^-50: a byte in 10^12.
    """
    size = x.shape[0]
    side, large = cut
    if cut == (size, size):
        return x
    first, trim = (size - side) // 2, (large - size) // 2
    centre = x.unsqueeze(0)[:, first : first + side, first : first + side].permute(0, 3, 1, 2)
    wide = interpolate(centre, (large, large), mode="bilinear", align_corners=True)
    return wide.permute(0, 2, 3, 1)[0, trim : trim + size, trim : trim + size]
