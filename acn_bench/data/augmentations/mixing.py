"""Two images -> one image with the labels of both, by cutting (CutMix) or by blending (MixUp).

The partner of a row is another training row, drawn from (seed, epoch, row): so a mixed image does not depend on
the batch that it is part of. Whoever reads files decodes the partners of the rows that are mixed, and no others.
"""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from scipy.special import betaincinv
from torch import Tensor

from acn_bench.data.counter import integers


@dataclass(frozen=True, eq=False)
class Mix:
    """How each image of a batch is mixed; all on the CPU."""

    partner: Tensor  # (B,) int64, rows
    chosen: Tensor  # (B,) bool: which images are mixed
    share: Tensor  # (B,) float32: the share of an image's own label; 1 where it is not mixed
    blends: Tensor  # (B,) bool: the whole image is blended; else a box of the partner is pasted
    boxes: Tensor  # (B, 4) int64: top, left, bottom, right of the pasted box; empty where none is

    def rows(self) -> Tensor:
        """(n,) int64: the rows whose images `apply` takes."""
        return self.partner[self.chosen]

    def only(self, there: Tensor) -> "Mix":
        """Leave an image unmixed where its partner is damaged; there (n,) bool, for each of `rows`."""
        if there.all():
            return self
        chosen = self.chosen.clone()
        chosen[self.chosen] = there
        return replace(self, chosen=chosen, share=torch.where(chosen, self.share, 1.0))

    def apply(self, images: Tensor, others: Tensor) -> Tensor:
        """Images (B, C, H, W) float32 and those of `rows`, (n, C, H, W) -> the mixed images."""
        chosen = self.chosen.nonzero().squeeze(1)
        index = chosen.to(images.device)
        own = images[index]
        share = self.share[chosen].view(-1, 1, 1, 1).to(images)
        box = inside(self.boxes[chosen].to(images.device), *images.shape[-2:])
        blends = self.blends[chosen].view(-1, 1, 1, 1).to(images.device)
        blended, pasted = own * share + others * (1 - share), torch.where(box, others, own)
        mixed = images.clone()
        mixed[index] = torch.where(blends, blended, pasted)
        return mixed


class Mixer(Protocol):
    """CutMix, MixUp, or one of them in turn."""

    def draw(
        self, rows: Tensor, seed: int, epoch: int, *, count: int, shape: tuple[int, int]
    ) -> Mix:
        """How rows (B,) of `count` training rows are mixed; shape (H, W)."""


def partners(name: str, rows: Tensor, seed: int, epoch: int, count: int) -> Tensor:
    """(B,) int64: the row that each row is mixed with, any of `count`; itself, one time in `count`."""
    return integers(count, f"{name} partner", seed, epoch, rows)


def beta(alpha: float, shares: Tensor) -> Tensor:
    """Uniform draws in [0, 1) -> as many from Beta(alpha, alpha), float32."""
    if alpha == 1:
        return shares
    quantiles = betaincinv(alpha, alpha, shares.numpy().astype(np.float64))
    return torch.from_numpy(quantiles).to(torch.float32)


def check(alpha: float, probability: float) -> None:
    """Raise ValueError where either is out of range."""
    if not (0 < alpha < float("inf") and 0 <= probability <= 1):
        raise ValueError(
            f"alpha={alpha:g} must be above 0, and probability={probability:g} lie in [0, 1]"
        )


def inside(boxes: Tensor, height: int, width: int) -> Tensor:
    """Boxes (n, 4) of top, left, bottom and right -> (n, 1, H, W) bool: the pixels within."""
    y = torch.arange(height, device=boxes.device).view(1, -1, 1)
    x = torch.arange(width, device=boxes.device).view(1, 1, -1)
    top, left, bottom, right = (edge.view(-1, 1, 1) for edge in boxes.unbind(1))
    return ((y >= top) & (y < bottom) & (x >= left) & (x < right)).unsqueeze(1)
