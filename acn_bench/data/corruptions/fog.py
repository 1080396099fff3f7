"""A random landscape of fog, by the diamond-square algorithm."""

import torch
from torch import Tensor

from acn_bench.data.corruptions.corruption import common_corruption
from acn_bench.data.corruptions.division import unit
from acn_bench.data.corruptions.draws import Draws


@common_corruption(  # thickness, and by how much finer details are weaker
    cifar_c=((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
    imagenet_c=((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
    at_once=2**18,
)
def fog(pixels: Tensor, c: tuple[float, float], draws: Draws) -> Tensor:
    """(x + thickness · fog) · brightest / (brightest + thickness)."""
    thickness, decay = c
    size = pixels.shape[-1]
    side = 1 << (size - 1).bit_length()  # a power of two
    u = draws.uniform(0, 1, side, side).movedim(0, 2).contiguous()
    layer = plasma(u, decay)[:size, :size].movedim(2, 0).unsqueeze(1).contiguous()
    brightest = unit(pixels.flatten(1).amax(1)).view(-1, 1, 1, 1)
    x = unit(pixels).add_(layer.mul_(thickness))
    return x.mul_(brightest).div_(brightest + thickness)


def plasma(u: Tensor, decay: float) -> Tensor:
    """The draws of each place (side, side, B) in [0, 1), images last -> heights in [0, 1]; side is a power of two."""
    heights = torch.zeros_like(u)
    step, wibble = len(u), 100.0

    def set_to(rows: slice, columns: slice, total: Tensor) -> None:
        noise = u[rows, columns].mul(wibble + wibble).sub_(wibble).mul_(wibble)
        heights[rows, columns] = total.div_(4).add_(noise)

    while step >= 2:
        corner, centre = slice(0, None, step), slice(step // 2, None, step)
        corners = heights[corner, corner]
        below = corners + corners.roll(-1, 0)
        set_to(centre, centre, below + below.roll(-1, 1))
        centres = heights[centre, centre]
        set_to(corner, centre, centres + centres.roll(1, 0) + (corners + corners.roll(-1, 1)))
        set_to(centre, corner, centres + centres.roll(1, 1) + (corners + corners.roll(-1, 0)))
        step //= 2
        wibble /= decay
    heights -= heights.amin(dim=(0, 1))
    return heights.div_(heights.amax(dim=(0, 1)))
