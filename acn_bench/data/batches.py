"""Row numbers -> batches of images in [0, 1], gathered and augmented on the device.

The images are on the device once, as bytes. The augmentation of a row depends on (seed, epoch, row) alone, so
that both arms, and a frozen copy of a model, get the same image of a row in the same epoch.
"""

from typing import Any

import torch
from torch import Tensor

from acn_bench.data.augmentations.crop_flip import offsets, shifted


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

    @property
    def device(self) -> torch.device:
        """Of the images."""
        return self.images.device

    def __deepcopy__(self, memo: dict[int, Any]) -> "Rows":
        """A copied model shares the images and the epoch."""
        return self

    def plain(self, rows: Tensor) -> Tensor:
        """Rows (B,) -> images (B, C, H, W), float32 in [0, 1]."""
        return self.images[rows].float().div_(255)

    def augmented(self, rows: Tensor) -> Tensor:
        """Rows (B,) -> images (B, C, H, W), float32 in [0, 1], padded with black, cropped and flipped."""
        drawn = offsets(rows, self.seed, self.epoch, self.crop_padding)
        mirrored = drawn.mirrored if self.flip else None
        return shifted(self.images[rows], drawn.down, drawn.right, mirrored).float().div_(255)
