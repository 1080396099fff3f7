"""Images at places between their pixels, by linear interpolation in a fixed order."""

from torch import Tensor

from acn_bench.data.corruptions.borders import Border, inside


def sampled(x: Tensor, rows: Tensor, columns: Tensor, border: Border) -> Tensor:
    """The values of x (B, C, H, W) at rows and columns (B, H', W') float64 -> (B, C, H', W') float64."""
    height, width = x.shape[2:]
    top, left = rows.floor(), columns.floor()
    down, right = (rows - top).unsqueeze(1), (columns - left).unsqueeze(1)
    row = [inside(top + k, height, border).mul_(width) for k in (0, 1)]
    column = [inside(left + k, width, border) for k in (0, 1)]
    flat = x.flatten(2)

    def at(i: int, j: int) -> Tensor:
        place = (row[i] + column[j]).flatten(1).long().unsqueeze(1)
        values = flat.gather(2, place.expand(-1, x.shape[1], -1)).double()
        return values.view(*x.shape[:2], *rows.shape[1:])

    upper = at(0, 0).mul_(1 - right).add_(at(0, 1).mul_(right))
    lower = at(1, 0).mul_(1 - right).add_(at(1, 1).mul_(right))
    return upper.mul_(1 - down).add_(lower.mul_(down))
