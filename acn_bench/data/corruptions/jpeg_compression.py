"""JPEG at a low quality, computed as libjpeg does, less the coding that loses nothing.

Whole numbers throughout: float64 holds the products of the transforms exactly, so that any device gives the bytes
of libjpeg's integer codec (jccolor.c, jcsample.c, jfdctint.c, jcdctmgr.c, jidctint.c, jdsample.c, jdcolor.c).
"""

from functools import lru_cache

import torch
from torch import Tensor

from acn_bench.data.corruptions.corruption import common_corruption
from acn_bench.data.corruptions.draws import Draws

NEARLY_ONE = 1 + 2.0**-30  # a half goes away from 0: no other whole number of 20 bits is moved


@common_corruption(cifar_c=(80, 65, 58, 50, 40), imagenet_c=(25, 18, 15, 10, 7))
def jpeg_compression(pixels: Tensor, quality: int, _: Draws) -> Tensor:
    """Pillow's default: chroma at half the width and height, upsampled with a triangle filter."""
    size = pixels.shape[-1]
    half = (size + 1) // 2
    rgb = pixels.flatten(1).t().contiguous().view(3, size, size, -1)  # images last
    y, chroma = _to_luma_and_chroma(_padded(rgb, -size % 16, size % 2))
    y = _coded(_padded(y, 0, -y.shape[1] % 8), LUMA, quality)[:, :size, :size]
    chroma = _halved(chroma)
    chroma = _coded(_padded(chroma, 0, -half % 8), CHROMA, quality)[:, :half, :half]
    rgb = _to_rgb(y, _enlarged(chroma)[:, :size, :size])
    return rgb.flatten(0, 2).t().contiguous().view(pixels.shape)


def _padded(x: Tensor, right: int, below: int) -> Tensor:
    """The last column and the last row repeated."""
    if right:
        x = torch.cat((x, x[:, :, -1:].expand(-1, -1, right, -1)), dim=2)
    if below:
        x = torch.cat((x, x[:, -1:].expand(-1, below, -1, -1)), dim=1)
    return x


def _to_luma_and_chroma(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """(3, H, W, B) -> int32 (1, H, W, B) and (2, H, W, B); weights in units of 2^-16."""
    red, green, blue = rgb.to(torch.int32).split(1)
    centre = (128 << 16) + 2**15 - 1
    y = _weighted(red, green, blue, (19595, 38470, 7471), 2**15)
    cb = _weighted(red, green, blue, (-11059, -21709, 32768), centre)
    cr = _weighted(red, green, blue, (32768, -27439, -5329), centre)
    return y, torch.cat((cb, cr))


def _weighted(
    red: Tensor, green: Tensor, blue: Tensor, weights: tuple[int, int, int], start: int
) -> Tensor:
    total = (red * weights[0]).add_(green, alpha=weights[1]).add_(blue, alpha=weights[2])
    return total.add_(start).bitwise_right_shift_(16)


def _halved(x: Tensor) -> Tensor:
    """Means of 2 × 2, rounded down and up by turns."""
    rows = x[:, ::2] + x[:, 1::2]
    up = torch.arange(rows.shape[2] // 2, dtype=torch.int32, device=x.device) % 2
    return (rows[:, :, ::2] + rows[:, :, 1::2]).add_((up + 1).view(-1, 1)).bitwise_right_shift_(2)


def _coded(plane: Tensor, table: tuple[int, ...], quality: int) -> Tensor:
    """(C, H, W, B) int32 -> the same after the transform, quantisation and the transform back."""
    transform = _transform(plane.device)
    steps, shares = _steps(table, quality, plane.device)
    channels, height, width, images = plane.shape
    blocks = plane.view(channels, height // 8, 8, width // 8, 8, images).permute(2, 4, 0, 1, 3, 5)
    x = blocks.to(torch.float64, memory_format=torch.contiguous_format).sub_(128).view(8, 8, -1)
    eight = transform.expand(8, 8, 8)
    x = _shifted(eight @ x, 11)
    x = _shifted(transform @ x.view(8, -1), 15).view(8, 8, -1)
    x = (x * shares).add_(0.5).floor_().mul_(steps)
    x = _shifted(transform.T @ x.view(8, -1), 11).view(8, 8, -1)
    x = _shifted(eight.mT @ x, 18).add_(128).clamp_(0, 255).view(blocks.shape)
    return x.to(torch.int32).permute(2, 3, 0, 4, 1, 5).reshape(plane.shape)


def _shifted(x: Tensor, places: int) -> Tensor:
    """Whole numbers divided by 2^places, halves up."""
    return x.add_(2 ** (places - 1)).mul_(2.0**-places).floor_()


def _enlarged(x: Tensor) -> Tensor:
    """Twice the height and width: each new place takes 3/4 of the near and 1/4 of the far one, both ways."""
    above = torch.cat((x[:, :1], x[:, :-1]), dim=1)
    below = torch.cat((x[:, 1:], x[:, -1:]), dim=1)
    near = x * 3
    rows = torch.stack((above.add_(near), below.add_(near)), dim=2).flatten(1, 2)
    left = torch.cat((rows[:, :, :1], rows[:, :, :-1]), dim=2)
    right = torch.cat((rows[:, :, 1:], rows[:, :, -1:]), dim=2)
    near = rows * 3
    left, right = left.add_(near).add_(8), right.add_(near).add_(7)
    return torch.stack((left, right), dim=3).flatten(2, 3).bitwise_right_shift_(4)


def _to_rgb(y: Tensor, chroma: Tensor) -> Tensor:
    """int32 -> (3, H, W, B) uint8."""
    cb, cr = (chroma - 128).split(1)
    red = (cr * 91881).add_(2**15).bitwise_right_shift_(16).add_(y)
    green = (cb * -22554).add_(cr, alpha=-46802).add_(2**15).bitwise_right_shift_(16).add_(y)
    blue = (cb * 116130).add_(2**15).bitwise_right_shift_(16).add_(y)
    return torch.cat((red, green, blue)).clamp_(0, 255).to(torch.uint8)


@lru_cache
def _transform(device: torch.device) -> Tensor:
    """(8, 8): libjpeg's cosines in units of 2^-13, with its rounding."""
    even = (
        (8192, 8192, 8192, 8192),
        (10703, 4433, -4433, -10703),
        (8192, -8192, -8192, 8192),
        (4433, -10704, 10704, -4433),
    )
    odd = (
        (11363, 9633, 6437, 2260),
        (9633, -2259, -11362, -6436),
        (6437, -11362, 2261, 9633),
        (2260, -6436, 9633, -11363),
    )
    rows = []
    for symmetric, antisymmetric in zip(even, odd, strict=True):
        rows.append([*symmetric, *reversed(symmetric)])
        rows.append([*antisymmetric, *(-v for v in reversed(antisymmetric))])
    return torch.tensor(rows, dtype=torch.float64, device=device)


@lru_cache
def _steps(table: tuple[int, ...], quality: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """(8, 8, 1) each: the quantisation steps of a quality, and what the transform's values are multiplied by."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    steps = [min(255, max(1, (basic * scale + 50) // 100)) for basic in table]
    both = torch.tensor([steps, [NEARLY_ONE / (8 * step) for step in steps]], dtype=torch.float64)
    by_step, by_share = both.to(device).view(2, 8, 8, 1)
    return by_step, by_share


# the JPEG standard (ITU-T T.81), annex K.1
LUMA = (
    *(16, 11, 10, 16, 24, 40, 51, 61),
    *(12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77),
    *(24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101),
    *(72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA = (
    *(17, 18, 24, 47, 99, 99, 99, 99),
    *(18, 21, 26, 66, 99, 99, 99, 99),
    *(24, 26, 56, 99, 99, 99, 99, 99),
    *(47, 66, 99, 99, 99, 99, 99, 99),
    *(99,) * 32,
)
