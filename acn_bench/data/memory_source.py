"""Images in memory -> batches of uint8 images by row number, padded, cropped and mirrored on the device."""

from dataclasses import dataclass

import torch
from torch import Tensor

from acn_bench.data.augmentations.crop_flip import CropFlip


@dataclass(frozen=True, kw_only=True)
class MemoryView:
    """How small images are cropped for training; a test image stays as it is."""

    crop_padding: int = 4  # pixels of black around an image before it is cropped to its size
    crops: int = 1  # pad and crop so many times; the authors' code does so twice
    flip: bool = True  # mirror one training image in two; the authors' code does not


class MemorySource:
    """One split, on the device; it meets `image_source.ImageSource`."""

    def __init__(
        self, images: Tensor, labels: Tensor, view: MemoryView, *, seed: int, device: torch.device
    ) -> None:
        self.pixels = images.to(device)  # (N, C, H, W) uint8
        self.labels = labels.cpu()  # (N,) int64
        self.damage: dict[int, str] = {}
        self.seed = seed
        self.crop_flip = CropFlip(padding=view.crop_padding, crops=view.crops, flip=view.flip)

    def images(self, rows: Tensor, epoch: int | None) -> Tensor:
        """Rows (B,) -> (B, C, H, W) uint8 on the device; epoch None: as they are."""
        images = self.pixels[rows.to(self.pixels.device)]
        return images if epoch is None else self.crop_flip(images, rows, self.seed, epoch)

    def readable(self, rows: Tensor) -> Tensor:
        """(B,) bool: all of them."""
        return torch.ones(len(rows), dtype=torch.bool)
