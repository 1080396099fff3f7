"""Grey images -> their edges and the distance to the nearest edge, by OpenCV's whole-number arithmetic."""

import torch
from torch import Tensor
from torch.nn.functional import pad

from acn_bench.data.corruptions.borders import extended

TAN_22 = 13573  # tan 22.5° in units of 2^-15
STRAIGHT, DIAGONAL, KNIGHT = 65536, 91750, 143976  # 1, 1.4 and 2.1969 in units of 2^-16
UNIT = 2**16


def canny(grey: Tensor, low: int, high: int) -> Tensor:
    """Edges of grey (B, H, W) uint8, as bool: local maxima of the gradient above `high`, and those above `low` beside them."""
    wide = extended(extended(grey.to(torch.int32), 1, 1, "edge"), 2, 1, "edge")
    across = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
    down = wide[:, :, :-2] + 2 * wide[:, :, 1:-1] + wide[:, :, 2:]
    dx, dy = across[:, :, 2:] - across[:, :, :-2], down[:, 2:] - down[:, :-2]
    size = dx.abs() + dy.abs()
    around = pad(size, (1, 1, 1, 1))
    height, width = size.shape[1:]

    def at(row: int, column: int) -> Tensor:
        return around[:, 1 + row : 1 + row + height, 1 + column : 1 + column + width]

    x, y = dx.abs(), dy.abs() << 15
    flat = y < x * TAN_22
    steep = y > x * TAN_22 + (x << 16)
    along_row = (size > at(0, -1)) & (size >= at(0, 1))
    along_column = (size > at(-1, 0)) & (size >= at(1, 0))
    falling = (size > at(-1, -1)) & (size > at(1, 1))
    rising = (size > at(-1, 1)) & (size > at(1, -1))
    diagonal = torch.where((dx ^ dy) < 0, rising, falling)
    largest = torch.where(flat, along_row, torch.where(steep, along_column, diagonal))
    return _connected(largest & (size > low), largest & (size > high))


def _connected(weak: Tensor, strong: Tensor) -> Tensor:
    """Strong pixels, and the weak ones that a chain of weak neighbours joins to them."""
    while True:
        wide = pad(strong, (1, 1, 1, 1))
        rows = wide[:, :-2] | wide[:, 1:-1] | wide[:, 2:]
        grown = (rows[:, :, :-2] | rows[:, :, 1:-1] | rows[:, :, 2:]) & weak
        if torch.equal(grown, strong):
            return strong
        strong = grown


def distance(edges: Tensor, longest: int) -> Tensor:
    """The chamfer distance to the nearest of edges (B, H, W): int32, in units of 2^-16, at most `longest` pixels."""
    start = torch.where(edges, 0, longest * UNIT).to(torch.int32)
    once = _swept(start, longest)
    return _swept(once.flip(1, 2), longest).flip(1, 2)


def _swept(distance: Tensor, longest: int) -> Tensor:
    """Distances by steps from above and from the left; row by row, each row by a cumulative minimum."""
    width = distance.shape[2]
    slope = torch.arange(width, device=distance.device, dtype=torch.int32) * STRAIGHT
    outside = torch.full_like(distance[:, 0], longest * UNIT)
    above, second = outside, outside
    rows = []
    for row in distance.unbind(1):
        wide = pad(above, (2, 2), value=longest * UNIT)
        farther = pad(second, (1, 1), value=longest * UNIT)
        steps = [above + STRAIGHT]
        steps += [wide[:, 1 + k : 1 + k + width] + DIAGONAL for k in (0, 2)]
        steps += [wide[:, k : k + width] + KNIGHT for k in (0, 4)]
        steps += [farther[:, k : k + width] + KNIGHT for k in (0, 2)]
        for step in steps:
            row = torch.minimum(row, step)
        row = (row - slope).cummin(1).values.add_(slope)
        rows.append(row)
        above, second = row, above
    return torch.stack(rows, dim=1)
