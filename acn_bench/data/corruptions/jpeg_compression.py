"""JPEG at a low quality, computed as libjpeg does, less the coding that loses nothing.

Whole numbers throughout: float64 holds the products of the transforms exactly, so that any device gives the bytes
of libjpeg's integer codec (jccolor.c, jcsample.c, jfdctint.c, jcdctmgr.c, jidctint.c, jdsample.c, jdcolor.c).
"""

from functools import lru_cache

import torch
from torch import Tensor

from acn_bench.data.corruptions.corruption import common_corruption
from acn_bench.data.corruptions.draws import Draws


@common_corruption(cifar_c=(80, 65, 58, 50, 40), imagenet_c=(25, 18, 15, 10, 7))
def jpeg_compression(pixels: Tensor, quality: int, _: Draws) -> Tensor:
    """Pillow's default: chroma at half the width and height, upsampled with a triangle filter."""
    size = pixels.shape[-1]
    half = (size + 1) // 2
    y, chroma = _to_luma_and_chroma(_padded(pixels, -size % 16, size % 2))
    y = _coded(_padded(y, 0, -y.shape[-2] % 8), LUMA, quality)[..., :size, :size]
    chroma = _halved(chroma)
    chroma = _coded(_padded(chroma, 0, -half % 8), CHROMA, quality)[..., :half, :half]
    return _to_rgb(y, _enlarged(chroma)[..., :size, :size])


def _padded(x: Tensor, right: int, below: int) -> Tensor:
    """The last column and the last row repeated."""
    x = torch.cat((x, x[..., -1:].expand(*x.shape[:-1], right)), dim=-1)
    return torch.cat((x, x[..., -1:, :].expand(*x.shape[:-2], below, x.shape[-1])), dim=-2)


def _to_luma_and_chroma(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 3, H, W) -> int32 (B, 1, H, W) and (B, 2, H, W); weights in units of 2^-16."""
    red, green, blue = rgb.to(torch.int32).split(1, dim=1)
    y = (red * 19595 + green * 38470 + blue * 7471 + 2**15) >> 16
    centre = (128 << 16) + 2**15 - 1
    cb = (red * -11059 + green * -21709 + blue * 32768 + centre) >> 16
    cr = (red * 32768 + green * -27439 + blue * -5329 + centre) >> 16
    return y, torch.cat((cb, cr), dim=1)


def _halved(x: Tensor) -> Tensor:
    """Means of 2 × 2, rounded down and up by turns."""
    rows = x[..., ::2, :] + x[..., 1::2, :]
    up = torch.arange(rows.shape[-1] // 2, dtype=torch.int32, device=x.device) % 2
    return (rows[..., ::2] + rows[..., 1::2] + (up + 1)) >> 2


def _coded(plane: Tensor, table: tuple[int, ...], quality: int) -> Tensor:
    """(B, C, H, W) int32 -> the same after the transform, quantisation and the transform back."""
    transform, steps = _transform(plane.device), _steps(table, quality, plane.device)
    width = plane.shape[-1]
    x = (plane - 128).to(torch.float64)
    x = _shifted(x.view(-1, 8) @ transform.T, 11)
    x = _shifted(transform @ x.view(-1, 8, width), 15)
    blocks = x.view(-1, 8, width // 8, 8)
    sizes = blocks.abs().add_(4 * steps).div_(8 * steps).floor_().mul_(steps)
    x = torch.copysign(sizes, blocks).view(-1, 8, width)
    x = _shifted(transform.T @ x, 11)
    x = _shifted(x.view(-1, 8) @ transform, 18)
    return x.add_(128).clamp_(0, 255).to(torch.int32).view(plane.shape)


def _shifted(x: Tensor, places: int) -> Tensor:
    """Whole numbers divided by 2^places, halves up."""
    return x.add_(2 ** (places - 1)).mul_(2.0**-places).floor_()


def _enlarged(x: Tensor) -> Tensor:
    """Twice the height and width: each new place takes 3/4 of the near and 1/4 of the far one, both ways."""
    above = torch.cat((x[..., :1, :], x[..., :-1, :]), dim=-2)
    below = torch.cat((x[..., 1:, :], x[..., -1:, :]), dim=-2)
    near = x * 3
    rows = torch.stack((near + above, near + below), dim=-2).flatten(-3, -2)
    left = torch.cat((rows[..., :1], rows[..., :-1]), dim=-1)
    right = torch.cat((rows[..., 1:], rows[..., -1:]), dim=-1)
    near = rows * 3
    return torch.stack(((near + left + 8) >> 4, (near + right + 7) >> 4), dim=-1).flatten(-2)


def _to_rgb(y: Tensor, chroma: Tensor) -> Tensor:
    """int32 -> (B, 3, H, W) uint8."""
    cb, cr = (chroma - 128).split(1, dim=1)
    red = y + ((cr * 91881 + 2**15) >> 16)
    green = y + ((cb * -22554 + cr * -46802 + 2**15) >> 16)
    blue = y + ((cb * 116130 + 2**15) >> 16)
    return torch.cat((red, green, blue), dim=1).clamp_(0, 255).to(torch.uint8)


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
def _steps(table: tuple[int, ...], quality: int, device: torch.device) -> Tensor:
    """(8, 1, 8): the quantisation steps of a quality."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    steps = [min(255, max(1, (basic * scale + 50) // 100)) for basic in table]
    return torch.tensor(steps, dtype=torch.float64, device=device).view(8, 1, 8)


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
