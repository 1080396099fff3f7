"""The camera comes nearer."""

from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from acn_bench.data.corruptions import zoom
from acn_bench.data.corruptions.corruption import common_corruption
from acn_bench.data.corruptions.division import divided, unit
from acn_bench.data.corruptions.draws import Draws
from acn_bench.data.corruptions.layout import images_first, images_last


@common_corruption(  # NumPy's arange from 1 on: its end and its step
    cifar_c=((1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01)),
    imagenet_c=((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
    at_once=2**16,
)
def zoom_blur(pixels: Tensor, c: tuple[float, float], _: Draws) -> Tensor:
    """The mean of the image and of its centre, enlarged by each factor; added in float32, as published."""
    x = unit(images_last(pixels)).to(torch.float32)
    total = torch.zeros_like(x)
    exact = x.to(torch.float64)
    factors = np.arange(1, *c).tolist()
    for cut, same in groupby(zoom.cut(len(x), factor) for factor in factors):
        layer = zoom.enlarged(exact, cut).to(torch.float32)
        for _same in same:
            total += layer
    return images_first(divided(total.add_(x), len(factors) + 1))
