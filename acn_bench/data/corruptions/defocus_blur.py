"""Out of focus: each point becomes a disk."""

from functools import lru_cache, reduce
from itertools import accumulate
from operator import iadd

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from acn_bench.data.corruptions.borders import extended
from acn_bench.data.corruptions.corruption import common_corruption
from acn_bench.data.corruptions.division import divided
from acn_bench.data.corruptions.draws import Draws

Cell = tuple[
    int, int, bool
]  # a row below the middle, a column, and whether the rows above it count
MOST = 2**15 // 255  # pixels whose sum 16 bits hold


@common_corruption(  # radius of the disk, sigma of its smooth edge
    cifar_c=((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
    imagenet_c=((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
    at_once=2**16,
)
def defocus_blur(pixels: Tensor, c: tuple[float, float], _: Draws) -> Tensor:
    """The sum of weight · (sum of the pixels of this weight), the inner sums of whole numbers."""
    reach, groups = _groups(*c)
    size = pixels.shape[-1]
    x = pixels.permute(2, 3, 0, 1).flatten(2)  # images last: a column is a stretch of memory
    wide = extended(extended(x, 0, reach, "mirror"), 1, reach, "mirror").to(torch.int16)
    rows = [wide.narrow(0, reach, size)]
    rows += [
        wide.narrow(0, reach - k, size) + wide.narrow(0, reach + k, size)
        for k in range(1, reach + 1)
    ]
    stacks = list(accumulate(rows))
    total = torch.zeros(x.shape, dtype=torch.float64, device=x.device)
    for weight, parts in groups:
        sums = []
        for part in parts:
            cells = [(stacks if stack else rows)[row][:, k : k + size] for row, k, stack in part]
            sums.append(reduce(iadd, cells[1:], cells[0].clone()).to(torch.float64))
        total += reduce(iadd, sums).mul_(weight)
    return divided(total, 255).view(size, size, *pixels.shape[:2]).permute(2, 3, 0, 1)


@lru_cache
def _groups(radius: float, sigma: float) -> tuple[int, list[tuple[float, list[list[Cell]]]]]:
    """The radius of what is not 0, and each weight with its cells, in parts of at most MOST pixels."""
    kernel = disk(radius, sigma)
    kernel[kernel < 2.0**-60] = 0  # too small to change a sum in float64
    middle = kernel.shape[0] // 2
    reach = int(np.abs(np.argwhere(kernel) - middle).max())
    columns: dict[float, dict[int, list[int]]] = {}  # rows above the middle are those below it
    for row in range(reach + 1):
        weights = kernel[middle + row, middle - reach : middle + reach + 1].tolist()
        for column, weight in enumerate(weights):
            if weight:
                columns.setdefault(weight, {}).setdefault(column, []).append(row)
    return reach, [(weight, _parts(of_weight)) for weight, of_weight in columns.items()]


def _parts(columns: dict[int, list[int]]) -> list[list[Cell]]:
    """The rows of each column -> cells; rows 0 … k are one cell."""
    parts: list[list[Cell]] = [[]]
    free = MOST
    for column, rows in columns.items():
        stack = len(rows) > 1 and rows == list(range(len(rows)))
        for row in rows[-1:] if stack else rows:
            pixels = 2 * row + 1 if stack else 2
            if pixels > free:
                parts.append([])
                free = MOST
            parts[-1].append((row, column, stack))
            free -= pixels
    return parts


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
