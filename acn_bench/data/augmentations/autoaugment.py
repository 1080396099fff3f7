"""AutoAugment (Cubuk et al. 2019), the policies of CIFAR-10 and of ImageNet, on batches of uint8 images.

An image draws one of 25 sub-policies. Each of its two operations is applied with its probability, at its strength of
ten, and where it has a direction, in either one. Policies, strengths and bytes are those of torchvision's v2
AutoAugment on tensors; the draws depend on (seed, epoch, row) alone.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from acn_bench.data.augmentations.operations import SIGNED, apply_, magnitudes
from acn_bench.data.counter import integers, uniform

Policy = Literal["cifar10", "imagenet"]
Step = tuple[str, float, int]  # operation, probability, strength of BINS
SubPolicy = tuple[Step, Step]
BINS = 10


@dataclass(frozen=True)
class AutoAugment:
    """The policy that was found on that data set."""

    policy: Policy = "cifar10"

    def __call__(self, images: Tensor, rows: Tensor, seed: int, epoch: int) -> Tensor:
        """(B, C, H, W) uint8 of rows (B,) -> (B, C, H, W) uint8; C is 1 or 3."""
        images = images.clone(memory_format=torch.contiguous_format)
        height, width = images.shape[-2:]
        policies = POLICIES[self.policy]
        keys = rows.cpu()
        chosen = integers(len(policies), "autoaugment", seed, epoch, keys).tolist()
        # (B, 4): whether each operation is applied, and its sign
        draws = uniform("autoaugment steps", seed, epoch, keys.unsqueeze(1), torch.arange(4))
        for slot in (0, 1):
            names: list[str | None] = []
            levels: list[float] = []
            for number, draw in zip(
                chosen, draws[:, 2 * slot : 2 * slot + 2].tolist(), strict=True
            ):
                name, probability, strength = policies[number][slot]
                names.append(name if draw[0] < probability else None)
                level = _levels(name, height, width)[strength]
                levels.append(-level if name in SIGNED and draw[1] < 0.5 else level)
            apply_(images, names, levels)
        return images


@lru_cache
def _levels(name: str, height: int, width: int) -> list[float]:
    return magnitudes(name, BINS, height, width)


def _read(table: str) -> tuple[SubPolicy, ...]:
    """Lines of operation, probability and strength, twice; strength - where there is none."""
    policies = []
    for line in table.strip().splitlines():
        a, p, i, b, q, j = line.split()
        policies.append(((a, float(p), _strength(i)), (b, float(q), _strength(j))))
    return tuple(policies)


def _strength(word: str) -> int:
    return 0 if word == "-" else int(word)


POLICIES: dict[Policy, tuple[SubPolicy, ...]] = {
    "cifar10": _read(
        """
        Invert       0.1 -   Contrast     0.2 6
        Rotate       0.7 2   TranslateX   0.3 9
        Sharpness    0.8 1   Sharpness    0.9 3
        ShearY       0.5 8   TranslateY   0.7 9
        AutoContrast 0.5 -   Equalize     0.9 -
        ShearY       0.2 7   Posterize    0.3 7
        Color        0.4 3   Brightness   0.6 7
        Sharpness    0.3 9   Brightness   0.7 9
        Equalize     0.6 -   Equalize     0.5 -
        Contrast     0.6 7   Sharpness    0.6 5
        Color        0.7 7   TranslateX   0.5 8
        Equalize     0.3 -   AutoContrast 0.4 -
        TranslateY   0.4 3   Sharpness    0.2 6
        Brightness   0.9 6   Color        0.2 8
        Solarize     0.5 2   Invert       0.0 -
        Equalize     0.2 -   AutoContrast 0.6 -
        Equalize     0.2 -   Equalize     0.6 -
        Color        0.9 9   Equalize     0.6 -
        AutoContrast 0.8 -   Solarize     0.2 8
        Brightness   0.1 3   Color        0.7 0
        Solarize     0.4 5   AutoContrast 0.9 -
        TranslateY   0.9 9   TranslateY   0.7 9
        AutoContrast 0.9 -   Solarize     0.8 3
        Equalize     0.8 -   Invert       0.1 -
        TranslateY   0.7 9   AutoContrast 0.9 -
        """
    ),
    "imagenet": _read(
        """
        Posterize    0.4 8   Rotate       0.6 9
        Solarize     0.6 5   AutoContrast 0.6 -
        Equalize     0.8 -   Equalize     0.6 -
        Posterize    0.6 7   Posterize    0.6 6
        Equalize     0.4 -   Solarize     0.2 4
        Equalize     0.4 -   Rotate       0.8 8
        Solarize     0.6 3   Equalize     0.6 -
        Posterize    0.8 5   Equalize     1.0 -
        Rotate       0.2 3   Solarize     0.6 8
        Equalize     0.6 -   Posterize    0.4 6
        Rotate       0.8 8   Color        0.4 0
        Rotate       0.4 9   Equalize     0.6 -
        Equalize     0.0 -   Equalize     0.8 -
        Invert       0.6 -   Equalize     1.0 -
        Color        0.6 4   Contrast     1.0 8
        Rotate       0.8 8   Color        1.0 2
        Color        0.8 8   Solarize     0.8 7
        Sharpness    0.4 7   Invert       0.6 -
        ShearX       0.6 5   Equalize     1.0 -
        Color        0.4 0   Equalize     0.6 -
        Equalize     0.4 -   Solarize     0.2 4
        Solarize     0.6 5   AutoContrast 0.6 -
        Invert       0.6 -   Equalize     1.0 -
        Color        0.6 4   Contrast     1.0 8
        Equalize     0.8 -   Equalize     0.6 -
        """
    ),
}
