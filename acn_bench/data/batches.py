"""Row numbers -> batches of images in [0, 1], gathered and augmented on the device.

The images are on the device once, as bytes. The augmentation of a row depends on (seed, epoch, row) alone, so
that both arms, and a frozen copy of a model, get the same image of a row in the same epoch.
"""

from typing import Any

import torch
from torch import Tensor

from acn_bench.data.counter import bits


class Rows:
    """Training and test images of one data set, by row number: test rows follow the training rows.

    `epoch` counts the epochs of the whole stream; the training loop sets it. `trained` counts the images that
    took part in a gradient; the code that gathers training batches adds to it.
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
        """A copied model shares the images and the epoch."""
        return self

    def plain(self, rows: Tensor) -> Tensor:
        """Rows (B,) -> images (B, C, H, W), float32 in [0, 1]."""
        return self.images[rows].float().div_(255)

    def augmented(self, rows: Tensor) -> Tensor:
        """Rows (B,) -> images (B, C, H, W), float32 in [0, 1], padded with black, cropped and flipped."""
        random_bits = bits("augment", self.seed, self.epoch, rows)  # (B,)
        pad = self.crop_padding
        side = 2 * pad + 1
        down = (random_bits & 0xFFFF) % side - pad
        right = ((random_bits >> 16) & 0xFFFF) % side - pad
        mirrored = ((random_bits >> 32) & 1).bool() if self.flip else torch.zeros_like(rows).bool()
        return _shifted(self.images[rows], down, right, mirrored)


def _shifted(images: Tensor, down: Tensor, right: Tensor, mirrored: Tensor) -> Tensor:
    """Bytes (B, C, H, W) -> floats in [0, 1], each image shifted by its (down, right) and mirrored where asked."""
    B, C, H, W = images.shape
    y = torch.arange(H, device=images.device) + down[:, None]  # (B, H): the source row of a pixel
    x = torch.arange(W, device=images.device) + right[:, None]  # (B, W): the source column
    x = torch.where(mirrored[:, None], x.flip(1), x)
    inside = ((y >= 0) & (y < H))[:, :, None] & ((x >= 0) & (x < W))[:, None, :]  # (B, H, W)
    source = y.clamp(0, H - 1)[:, :, None] * W + x.clamp(0, W - 1)[:, None, :]  # (B, H, W)
    source = source.view(B, 1, H * W).expand(B, C, H * W)
    gathered = images.view(B, C, H * W).gather(2, source).view(B, C, H, W)
    return gathered.float().div_(255).mul_(inside[:, None])
