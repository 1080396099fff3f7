"""CutMix for some images and MixUp for the others, as timm and DeiT (Touvron et al. 2021) switch between them."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from acn_bench.data.augmentations.cutmix import CutMix
from acn_bench.data.augmentations.mixing import Mix
from acn_bench.data.augmentations.mixup import MixUp
from acn_bench.data.counter import uniform


@dataclass(frozen=True, kw_only=True)
class Either:
    """CutMix for an image with probability `switch`, else MixUp."""

    cutmix: CutMix = CutMix(probability=1.0)  # noqa: RUF009 - frozen
    mixup: MixUp = MixUp()  # noqa: RUF009
    switch: float = 0.5

    def draw(
        self, rows: Tensor, seed: int, epoch: int, *, count: int, shape: tuple[int, int]
    ) -> Mix:
        """How rows (B,) of `count` training rows are mixed; shape (H, W)."""
        rows = rows.cpu()
        cuts = uniform("cutmix or mixup", seed, epoch, rows) < self.switch
        one = self.cutmix.draw(rows, seed, epoch, count=count, shape=shape)
        other = self.mixup.draw(rows, seed, epoch, count=count, shape=shape)

        def choose(name: str) -> Tensor:
            mine: Tensor = getattr(one, name)
            return torch.where(cuts.view(-1, *[1] * (mine.dim() - 1)), mine, getattr(other, name))

        return Mix(**{field.name: choose(field.name) for field in fields(Mix)})
