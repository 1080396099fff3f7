"""RandAugment (Cubuk et al. 2020) on batches of uint8 images: random operations of one strength.

Operations, strengths and bytes are those of torchvision's v2 RandAugment on tensors; the draws depend on (seed,
epoch, row) alone.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from acn_bench.data.augmentations.operations import SIGNED, apply_, magnitudes
from acn_bench.data.counter import bits, integers

OPERATIONS = (
    "Identity",
    "ShearX",
    "ShearY",
    "TranslateX",
    "TranslateY",
    "Rotate",
    "Brightness",
    "Color",
    "Contrast",
    "Sharpness",
    "Posterize",
    "Solarize",
    "AutoContrast",
    "Equalize",
)
BINS = 31


@dataclass(frozen=True, kw_only=True)
class RandAugment:
    """`operations` one after the other, each drawn from 14, at strength `magnitude` of 0 … 30."""

    operations: int = 2
    magnitude: int = 9

    def __post_init__(self) -> None:
        if self.operations < 0 or not 0 <= self.magnitude < BINS:
            raise ValueError(
                f"operations={self.operations} must be 0 or more, and magnitude={self.magnitude} lie in 0 … {BINS - 1}"
            )

    def __call__(self, images: Tensor, rows: Tensor, seed: int, epoch: int) -> Tensor:
        """(B, C, H, W) uint8 of rows (B,) -> (B, C, H, W) uint8; C is 1 or 3."""
        images = images.clone(memory_format=torch.contiguous_format)
        height, width = images.shape[-2:]
        keys, each = rows.cpu().unsqueeze(1), torch.arange(self.operations)
        drawn = integers(len(OPERATIONS), "randaugment", seed, epoch, keys, each).tolist()
        signs = (bits("randaugment sign", seed, epoch, keys, each) & 1).tolist()
        for step in range(self.operations):
            names = [OPERATIONS[of[step]] for of in drawn]
            levels = [
                -level if sign[step] and name in SIGNED else level
                for name, sign in zip(names, signs, strict=True)
                for level in (_level(name, self.magnitude, height, width),)
            ]
            apply_(images, names, levels)
        return images


@lru_cache
def _level(name: str, magnitude: int, height: int, width: int) -> float:
    return magnitudes(name, BINS, height, width)[magnitude]
