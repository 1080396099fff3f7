"""Random erasing (Zhong et al. 2020): a box of an image becomes one value."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from acn_bench.data.augmentations.mixing import inside
from acn_bench.data.counter import uniform

ATTEMPTS = 10


@dataclass(frozen=True, kw_only=True)
class Erasing:
    """Erase a box with `probability`. Area and aspect ratio are drawn as by torchvision's RandomErasing.

    `value` is in the units of the images: 0.5 becomes 0 where the network normalises with a mean of 0.5.
    """

    probability: float = 0.25
    scale: tuple[float, float] = (0.02, 0.33)  # share of the area
    ratio: tuple[float, float] = (0.3, 3.3)  # height / width
    value: float = 0.5

    def __call__(self, images: Tensor, rows: Tensor, seed: int, epoch: int) -> Tensor:
        """(B, C, H, W) of rows (B,) -> (B, C, H, W)."""
        if not self.probability:
            return images
        height, width = images.shape[-2:]
        boxes = self.boxes(rows, seed, epoch, height, width).to(images.device)
        return images.masked_fill(inside(boxes, height, width), self.value)

    def boxes(self, rows: Tensor, seed: int, epoch: int, height: int, width: int) -> Tensor:
        """(B, 4) int64: top, left, bottom, right; empty where nothing is erased, or no attempt fits."""
        keys, each = rows.cpu().unsqueeze(1), torch.arange(4 * ATTEMPTS)
        draws = uniform("erasing", seed, epoch, keys, each).view(len(rows), ATTEMPTS, 4).double()
        low, high = (math.log(r) for r in self.ratio)
        area = self.scale[0] + draws[..., 0] * (self.scale[1] - self.scale[0])
        area = area * (height * width)
        aspect = (low + draws[..., 1] * (high - low)).exp_()
        h, w = (area * aspect).sqrt_().round_().long(), (area / aspect).sqrt_().round_().long()
        fits = (h < height) & (w < width)
        first = fits.int().argmax(dim=1, keepdim=True)  # of the attempts that fit
        h, w = h.gather(1, first), w.gather(1, first)
        top = (draws[..., 2].gather(1, first) * (height - h + 1)).long()
        left = (draws[..., 3].gather(1, first) * (width - w + 1)).long()
        erased = uniform("erasing chance", seed, epoch, keys) < self.probability
        erased &= fits.any(dim=1, keepdim=True)
        return torch.cat([top, left, top + h, left + w], dim=1) * erased
