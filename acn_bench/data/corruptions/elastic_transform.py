"""A random affine map, then each pixel moved by a smooth random field."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from acn_bench.data.corruptions.borders import inside
from acn_bench.data.corruptions.corruption import common_corruption
from acn_bench.data.corruptions.division import divided
from acn_bench.data.corruptions.draws import Draws
from acn_bench.data.corruptions.sampling import sampled

Elastic = tuple[float, float, float]
STEPS = 2.0**26


def _scaled(unit: int, *constants: Elastic) -> tuple[Elastic, ...]:
    return tuple((unit * a, unit * sigma, unit * affine) for a, sigma, affine in constants)


@common_corruption(  # strength and sigma of the field, and how far the map's three points move
    cifar_c=_scaled(
        32,
        (0, 0, 0.08),
        (0.05, 0.2, 0.07),
        (0.08, 0.06, 0.06),
        (0.1, 0.04, 0.05),
        (0.1, 0.03, 0.03),
    ),
    imagenet_c=_scaled(  # 244, as published
        244,
        (2, 0.7, 0.1),
        (2, 0.08, 0.2),
        (0.05, 0.01, 0.02),
        (0.07, 0.01, 0.02),
        (0.12, 0.01, 0.02),
    ),
)
def elastic_transform(pixels: Tensor, c: Elastic, draws: Draws) -> Tensor:
    """In float32 after each of the two, as published; the affine map is exact, where OpenCV's is to 1/32 px."""
    size = pixels.shape[-1]
    if size < 3:
        raise ValueError(f"elastic_transform takes images of 3 pixels a side or more, not {size}")
    points = draws.uniform(-c[2], c[2], 3, 2, purpose="points")
    field = draws.uniform(-1, 1, 2, size, size, purpose="field") if c[0] else None
    return deformed(pixels, c, points, field)


def deformed(pixels: Tensor, c: Elastic, points: Tensor, field: Tensor | None) -> Tensor:
    """Moves (x, y) of three points in pixels (B, 3, 2), and of each pixel, if it moves, in [-1, 1) (B, 2, S, S)."""
    strength, sigma, _ = c
    warped = divided(sampled(pixels, *_affine(pixels.shape[-1], points), "mirror"), 255)
    if field is None:
        return warped
    moves = _smoothed(field, sigma).mul_(strength)
    moves = moves.to(torch.float32).to(torch.float64)
    place = torch.arange(pixels.shape[-1], device=pixels.device)
    rows, columns = moves[:, 1] + place.view(-1, 1), moves[:, 0] + place
    return sampled(warped, rows, columns, "symmetric")


def _smoothed(field: Tensor, sigma: float) -> Tensor:
    """(B, 2, S, S) in [-1, 1) under a Gaussian, along the rows, then along the columns.

    The field is drawn in multiples of 2^-16, weights and sums are rounded to multiples of 2^-26: float64 holds each
    sum of their products exactly, in any order.
    """
    if not sigma:
        return field
    weights = _gaussian(field.shape[-1], sigma, field.device)
    across = (field @ weights).mul_(STEPS).round_().mul_(1 / STEPS)
    return weights.T @ across


@lru_cache
def _gaussian(size: int, sigma: float, device: torch.device) -> Tensor:
    """(S, S): the weight of each place for each result; places outside are mirrored, as SciPy's "reflect"."""
    radius = int(3 * sigma + 0.5)
    distance = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 / sigma**2 * distance**2)
    weights = torch.from_numpy(weights / weights.sum())
    matrix = torch.zeros(size, size, dtype=torch.float64)
    for place in range(size):
        near = inside(torch.from_numpy(distance + float(place)), size, "symmetric")
        matrix[:, place].index_add_(0, near.long(), weights)
    return matrix.mul_(STEPS).round_().mul_(1 / STEPS).to(device)


def _affine(size: int, moves: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns, (B, S, S) each, of the map that takes the three moved points back."""
    middle, arm = size // 2, size // 3
    fixed = torch.tensor(
        [[middle + arm, middle + arm], [middle + arm, middle - arm], [middle - arm, middle - arm]],
        dtype=torch.float32,
        device=moves.device,
    )
    moved = (fixed + moves.to(torch.float32)).to(torch.float64)
    fixed = fixed.to(torch.float64)
    a, b = (moved[:, 1] - moved[:, 0]).unbind(1), (moved[:, 2] - moved[:, 0]).unbind(1)
    to_a, to_b = fixed[1] - fixed[0], fixed[2] - fixed[0]
    area = a[0] * b[1] - a[1] * b[0]
    x_by = [((to_a[k] * b[1] - to_b[k] * a[1]) / area).view(-1, 1, 1) for k in (0, 1)]
    y_by = [((to_b[k] * a[0] - to_a[k] * b[0]) / area).view(-1, 1, 1) for k in (0, 1)]
    place = torch.arange(size, dtype=torch.float64, device=moves.device)
    x = place.view(1, 1, -1) - moved[:, 0, 0].view(-1, 1, 1)
    y = place.view(1, -1, 1) - moved[:, 0, 1].view(-1, 1, 1)
    columns, rows = ((x * x_by[k] + fixed[0, k]) + y * y_by[k] for k in (0, 1))
    return rows, columns
