"""CutMix (Yun et al. 2019): a box of one image is pasted into another, and labels are shared by area."""

from dataclasses import dataclass

import torch
from torch import Tensor

from acn_bench.data.augmentations.mixing import Mix, beta, check, partners
from acn_bench.data.counter import uniform


@dataclass(frozen=True, kw_only=True)
class CutMix:
    """Paste into an image with `probability`; the share of the area that stays is Beta(alpha, alpha).

    Each image has its own box and its own partner. The paper's released code draws one box for a batch.
    """

    alpha: float = 1.0
    probability: float = 0.5

    def __post_init__(self) -> None:
        check(self.alpha, self.probability)

    def draw(
        self, rows: Tensor, seed: int, epoch: int, *, count: int, shape: tuple[int, int]
    ) -> Mix:
        """How rows (B,) of `count` training rows are mixed; shape (H, W)."""
        rows, (height, width) = rows.cpu(), shape
        draws = uniform("cutmix", seed, epoch, rows.unsqueeze(1), torch.arange(4)).unbind(1)
        chosen = draws[0] < self.probability
        half = (1 - beta(self.alpha, draws[1])).sqrt_().div_(2)
        y, x = (draws[2] * height).to(torch.int64), (draws[3] * width).to(torch.int64)
        down, across = (half * height).to(torch.int64), (half * width).to(torch.int64)
        boxes = torch.stack(
            [
                (y - down).clamp_min(0),
                (x - across).clamp_min(0),
                (y + down).clamp_max(height),
                (x + across).clamp_max(width),
            ],
            dim=1,
        )
        boxes = boxes * chosen[:, None]
        area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        return Mix(
            partner=partners("cutmix", rows, seed, epoch, count),
            chosen=chosen & (area > 0),
            share=1 - area / (height * width),
            blends=torch.zeros_like(chosen),
            boxes=boxes,
        )
