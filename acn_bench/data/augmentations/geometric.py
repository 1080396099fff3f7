"""Shear, translation and rotation of uint8 images, as a gather: each image has its own operation and magnitude.

With the nearest neighbour a geometric operation moves pixels and computes none, so that it is a table of source
pixels. torchvision makes the table, by moving an image of pixel numbers: the bytes are torchvision's.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import affine, rotate

Move = Callable[[Tensor, float], Tensor]


def _sheared(degrees: Callable[[float], list[float]]) -> Move:
    def move(image: Tensor, magnitude: float) -> Tensor:
        shear = degrees(math.degrees(math.atan(magnitude)))
        moved: Tensor = affine(
            image, angle=0.0, translate=[0, 0], scale=1.0, shear=shear, center=[0, 0]
        )
        return moved

    return move


def _translated(pixels: Callable[[int], list[int]]) -> Move:
    def move(image: Tensor, magnitude: float) -> Tensor:
        by = pixels(int(magnitude))
        moved: Tensor = affine(image, angle=0.0, translate=by, scale=1.0, shear=[0.0, 0.0])
        return moved

    return move


def _rotated(image: Tensor, magnitude: float) -> Tensor:
    moved: Tensor = rotate(image, angle=magnitude)
    return moved


MOVES: dict[str, Move] = {
    "ShearX": _sheared(lambda angle: [angle, 0.0]),
    "ShearY": _sheared(lambda angle: [0.0, angle]),
    "TranslateX": _translated(lambda by: [by, 0]),
    "TranslateY": _translated(lambda by: [0, by]),
    "Rotate": _rotated,
}


def move(images: Tensor, names: Sequence[str], magnitudes: Sequence[float]) -> Tensor:
    """(n, C, H, W) uint8, each image moved by its operation and magnitude, black where nothing was."""
    n, C, H, W = images.shape
    tables = [
        sources(name, magnitude, H, W, images.device)
        for name, magnitude in zip(names, magnitudes, strict=True)
    ]
    source, there = (
        torch.stack(part)[:, None] for part in zip(*tables, strict=True)
    )  # (n, 1, H·W)
    moved = images.reshape(n, C, H * W).gather(2, source.expand(n, C, H * W))
    return moved.bitwise_and_(there).view(n, C, H, W)


@lru_cache(maxsize=128)  # at 224 × 224 a table takes 0.4 MB
def sources(
    name: str, magnitude: float, height: int, width: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """(H·W,) int64: the pixel that each pixel comes from. (H·W,) uint8: 255, or 0 where that lies outside."""
    numbers = torch.arange(1, height * width + 1, dtype=torch.float32).view(1, height, width)
    assert height * width < 2**24, "float32 numbers that many pixels"
    table = MOVES[name](numbers, magnitude).flatten().to(torch.int64).sub_(1)
    there = table.ge(0).view(torch.uint8).neg()
    return table.clamp_min_(0).to(device), there.to(device)
