"""Row numbers -> batches of images in [0, 1], gathered and augmented on the device.

The images lie on the device once, as bytes. A row's augmentation depends on (seed, epoch, row) alone,
so that both arms, and a frozen copy of a model, see the same image of a row in the same epoch.
"""

from typing import Any

import torch
from torch import Tensor

from acn_bench.data.counter import bits


class Rows:
    """Training and test images of one data set, by row number: test rows follow the training rows.

    `epoch` counts the epochs of the whole stream, and `trained` the images that a gradient was asked
    for: who trains sets the one, who gathers for training the other.
    """

    def __init__(
        self, images: Tensor, *, seed: int, crop_padding: int = 0, flip: bool = False
    ) -> None:
        self.images = images  # (N, C, H, W) uint8
        self.seed = seed
        self.crop_padding = crop_padding  # pixels
        self.flip = flip
        self.epoch = 0
        self.trained = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> "Rows":
        """A copied model looks at the same images, and keeps to the same epoch."""
        return self

    def plain(self, rows: Tensor) -> Tensor:
        """Rows (B,) -> images (B, C, H, W), float32 in [0, 1]."""
        return self.images[rows].float().div_(255)

    def augmented(self, rows: Tensor) -> Tensor:
        """Rows (B,) -> images (B, C, H, W), float32 in [0, 1], cropped from a black frame and flipped."""
        chance = bits("augment", self.seed, self.epoch, rows)  # (B,)
        pad = self.crop_padding
        side = 2 * pad + 1
        down = (chance & 0xFFFF) % side - pad
        right = ((chance >> 16) & 0xFFFF) % side - pad
        mirrored = ((chance >> 32) & 1).bool() if self.flip else torch.zeros_like(rows).bool()
        return _shifted(self.images[rows], down, right, mirrored)


def _shifted(images: Tensor, down: Tensor, right: Tensor, mirrored: Tensor) -> Tensor:
    """Bytes (B, C, H, W) -> floats in [0, 1], each image shifted by its own (down, right) and mirrored."""
    B, C, H, W = images.shape
    y = torch.arange(H, device=images.device) + down[:, None]  # (B, H): where a pixel comes from
    x = torch.arange(W, device=images.device) + right[:, None]  # (B, W)
    x = torch.where(mirrored[:, None], x.flip(1), x)
    inside = ((y >= 0) & (y < H))[:, :, None] & ((x >= 0) & (x < W))[:, None, :]  # (B, H, W)
    source = y.clamp(0, H - 1)[:, :, None] * W + x.clamp(0, W - 1)[:, None, :]  # (B, H, W)
    source = source.view(B, 1, H * W).expand(B, C, H * W)
    gathered = images.view(B, C, H * W).gather(2, source).view(B, C, H, W)
    return gathered.float().div_(255).mul_(inside[:, None])
