"""A photograph of any size -> an image of one size: a random crop for training, the centre for tests.

Training is Inception's crop (Szegedy et al. 2015) with torchvision's rules: ten attempts at a share of the area and
an aspect ratio, then the largest centre crop within the ratios. A test image is resized by its shorter side, then
cropped in the middle. Pixels stay uint8; resizing is bilinear and antialiased. Draws depend on (seed, epoch, row).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import resize

from acn_bench.data.counter import uniform

ATTEMPTS = 10
_DRAWS = 4 * ATTEMPTS + 1


class Box(NamedTuple):
    """A crop, in pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True, kw_only=True)
class View:
    """How photographs are cropped and resized."""

    size: int = 224  # pixels a side of an image
    resized: int = 256  # shorter side of a test photograph before its centre is cropped
    scale: tuple[float, float] = (0.08, 1.0)  # of a training crop: its share of the area
    ratio: tuple[float, float] = (3 / 4, 4 / 3)  # of a training crop: width / height
    flip: bool = True  # mirror one training image in two

    def __post_init__(self) -> None:
        if not 0 < self.size <= self.resized:
            raise ValueError(
                f"size={self.size} and resized={self.resized}: give 0 < size <= resized, in pixels"
            )
        if not (0 < self.scale[0] <= self.scale[1] <= 1 and 0 < self.ratio[0] <= self.ratio[1]):
            raise ValueError(
                f"scale={self.scale} must lie in (0, 1] and ratio={self.ratio} above 0, each in ascending order"
            )

    def draws(self, seed: int, epoch: int, rows: Tensor) -> list[list[float]]:
        """The random numbers of each row's training image, in [0, 1)."""
        keys = rows.cpu().unsqueeze(1)
        numbers: list[list[float]] = uniform(
            "image view", seed, epoch, keys, torch.arange(_DRAWS)
        ).tolist()
        return numbers

    def train(self, photograph: Tensor, draws: list[float]) -> Tensor:
        """(C, H, W) uint8 -> (C, size, size) uint8: the crop that one row of `draws` says, not yet mirrored."""
        top, left, height, width = self.box(photograph.shape[1], photograph.shape[2], draws)
        crop = photograph[:, top : top + height, left : left + width]
        return _resized(crop, self.size, self.size)

    def mirrors(self, draws: list[float]) -> bool:
        """Whether one row of `draws` says to mirror the crop."""
        return self.flip and draws[-1] < 0.5

    def test(self, photograph: Tensor) -> Tensor:
        """(C, H, W) uint8 -> (C, size, size) uint8, without chance."""
        return _centre(shorter_side(photograph, self.resized), self.size)

    def box(self, height: int, width: int, draws: list[float]) -> Box:
        """The crop of a photograph of that height and width, as torchvision's RandomResizedCrop draws it."""
        low, high = (math.log(r) for r in self.ratio)
        for k in range(0, 4 * ATTEMPTS, 4):
            share, aspect, down, right = draws[k : k + 4]
            area = height * width * (self.scale[0] + share * (self.scale[1] - self.scale[0]))
            ratio = math.exp(low + aspect * (high - low))
            w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < w <= width and 0 < h <= height:
                return Box(int(down * (height - h + 1)), int(right * (width - w + 1)), h, w)
        ratio = min(max(width / height, self.ratio[0]), self.ratio[1])
        w, h = min(width, round(height * ratio)), min(height, round(width / ratio))
        return Box((height - h) // 2, (width - w) // 2, h, w)


def shorter_side(photograph: Tensor, side: int) -> Tensor:
    """(C, H, W) uint8 -> the photograph resized so that its shorter side has `side` pixels."""
    height, width = photograph.shape[1:]
    if height <= width:
        return _resized(photograph, side, int(side * width / height))  # truncated, as torchvision's
    return _resized(photograph, int(side * height / width), side)


def square(photograph: Tensor, side: int) -> Tensor:
    """(C, H, W) uint8 -> (C, side, side) uint8: the centre of `shorter_side`."""
    return _centre(shorter_side(photograph, side), side)


def _centre(image: Tensor, side: int) -> Tensor:
    top, left = (round((length - side) / 2) for length in image.shape[1:])
    return image[:, top : top + side, left : left + side]


def _resized(image: Tensor, height: int, width: int) -> Tensor:
    if image.shape[1:] == (height, width):
        return image
    resized: Tensor = resize(image, [height, width], antialias=True)
    return resized
