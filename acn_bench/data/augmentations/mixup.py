"""MixUp (Zhang et al. 2018): the mean of two images, weighted, with the labels of both."""

from dataclasses import dataclass

import torch
from torch import Tensor

from acn_bench.data.augmentations.mixing import Mix, beta, check, partners
from acn_bench.data.counter import uniform


@dataclass(frozen=True, kw_only=True)
class MixUp:
    """Blend an image with `probability`; its own weight is Beta(alpha, alpha)."""

    alpha: float = 0.2
    probability: float = 1.0

    def __post_init__(self) -> None:
        check(self.alpha, self.probability)

    def draw(
        self, rows: Tensor, seed: int, epoch: int, *, count: int, shape: tuple[int, int]
    ) -> Mix:
        """How rows (B,) of `count` training rows are mixed; shape (H, W)."""
        rows = rows.cpu()
        draws = uniform("mixup", seed, epoch, rows.unsqueeze(1), torch.arange(2)).unbind(1)
        chosen = draws[0] < self.probability
        share = beta(self.alpha, draws[1])
        return Mix(
            partner=partners("mixup", rows, seed, epoch, count),
            chosen=chosen,
            share=torch.where(chosen, share, 1.0),
            blends=chosen,
            boxes=torch.zeros(len(rows), 4, dtype=torch.int64),
        )
