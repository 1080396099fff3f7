"""Out of focus: each point becomes a disk."""

from functools import lru_cache
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from acn_bench.data.corruptions.borders import extended
from acn_bench.data.corruptions.corruption import common_corruption
from acn_bench.data.corruptions.division import divided
from acn_bench.data.corruptions.draws import Draws

Run = tuple[int, int, int]  # a row below the middle, and the first and last of neighbouring columns


@common_corruption(  # radius of the disk, sigma of its smooth edge
    cifar_c=((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
    imagenet_c=((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
)
def defocus_blur(pixels: Tensor, c: tuple[float, float], _: Draws) -> Tensor:
    """The sum of weight · (sum of the pixels of this weight), the inner sums of whole numbers, run by run."""
    radius, groups = _groups(*c)
    size = pixels.shape[-1]
    wide = extended(extended(pixels, 2, radius, "mirror"), 3, radius, "mirror").to(torch.int32)
    rows = [wide.narrow(2, radius, size)]
    rows += [
        wide.narrow(2, radius - k, size) + wide.narrow(2, radius + k, size)
        for k in range(1, radius + 1)
    ]
    long = {row for _, runs in groups for row, first, last in runs if first < last}
    sums = {k: pad(rows[k].cumsum(3, dtype=torch.int32), (1, 0)) for k in long}
    total = torch.zeros(pixels.shape, dtype=torch.float64, device=pixels.device)
    for weight, runs in groups:
        group = torch.zeros(pixels.shape, dtype=torch.int32, device=pixels.device)
        for row, first, last in runs:
            if first == last:
                group += rows[row].narrow(3, first, size)
            else:
                group += sums[row].narrow(3, last + 1, size)
                group -= sums[row].narrow(3, first, size)
        total += group.to(torch.float64).mul_(weight)
    return divided(total, 255)


@lru_cache
def _groups(radius: float, sigma: float) -> tuple[int, list[tuple[float, list[Run]]]]:
    """The radius of what is not 0, and each weight with its runs; rows above the middle are those below it."""
    kernel = disk(radius, sigma)
    middle = kernel.shape[0] // 2
    reach = int(np.abs(np.argwhere(kernel) - middle).max())
    groups: dict[float, list[Run]] = {}
    for row in range(reach + 1):
        weights = kernel[middle + row, middle - reach : middle + reach + 1].tolist()
        for weight, run in groupby(range(len(weights)), key=lambda k: weights[k]):
            places = list(run)
            if weight:
                groups.setdefault(weight, []).append((row, places[0], places[-1]))
    return reach, list(groups.items())


def disk(radius: float, sigma: float) -> NDArray[np.float32]:
    """The published kernel, 17 × 17 or larger, in float32: a disk under OpenCV's Gaussian of 3 × 3 or 5 × 5."""
    half, reach = (8, 1) if radius <= 8 else (int(radius), 2)
    x, y = np.meshgrid(np.arange(-half, half + 1), np.arange(-half, half + 1))
    kernel = np.array(x**2 + y**2 <= radius**2, dtype=np.float32)
    kernel /= np.sum(kernel)
    gaussian = np.exp(-0.5 / sigma**2 * np.arange(-reach, reach + 1) ** 2)
    gaussian = (gaussian / gaussian.sum()).astype(np.float32)[reach:]
    for _ in range(2):  # along the rows, then along the columns
        wide = np.pad(kernel, ((0, 0), (reach, reach)), mode="reflect")
        size = kernel.shape[1]
        blurred = kernel * gaussian[0]
        for k in range(1, reach + 1):
            left, right = wide[:, reach - k :][:, :size], wide[:, reach + k :][:, :size]
            blurred = blurred + (left + right) * gaussian[k]
        kernel = blurred.T
    return kernel
