"""Images in memory -> the same, each epoch's augmented once, in large batches, and kept until the next epoch.

An image depends on (seed, epoch, row) alone, so the batch that it is made in does not matter, and large ones cost
least: a batch of 64 spends most of its time in calls. CutMix and MixUp then find their partners ready.
"""

import torch
from torch import Tensor

from acn_bench.data.augmentations.autoaugment import AutoAugment
from acn_bench.data.augmentations.randaugment import RandAugment
from acn_bench.data.memory_source import MemorySource

ROWS = {"cpu": 256}  # of a batch: more do not fit the cache of a processor
ROWS_OF_DEVICE = 4096


class EpochSource:
    """A split in memory with a policy; it meets `image_source.ImageSource`. It keeps N uint8 images more."""

    def __init__(self, source: MemorySource, policy: AutoAugment | RandAugment | None) -> None:
        self.source = source
        self.policy = policy
        self.labels = source.labels
        self.damage = source.damage
        self._kept: tuple[int, Tensor] | None = None  # an epoch, and its images (N, C, H, W)

    def images(self, rows: Tensor, epoch: int | None) -> Tensor:
        """Rows (B,) -> (B, C, H, W) uint8 on the device; epoch None: as they are."""
        if epoch is None:
            return self.source.images(rows, None)
        if self._kept is None or self._kept[0] != epoch:
            self._kept = epoch, self._epoch(epoch)
        images = self._kept[1]
        return images[rows.to(images.device)]

    def readable(self, rows: Tensor) -> Tensor:
        """(B,) bool: all of them."""
        return self.source.readable(rows)

    def _epoch(self, epoch: int) -> Tensor:
        """All images of an epoch."""
        pixels = self.source.pixels
        images = torch.empty_like(pixels) if self._kept is None else self._kept[1]
        for rows in torch.arange(len(pixels)).split(ROWS.get(pixels.device.type, ROWS_OF_DEVICE)):
            made = self.source.images(rows, epoch)
            if self.policy is not None:
                made = self.policy(made, rows, self.source.seed, epoch)
            images[rows[0] : rows[-1] + 1] = made
        return images
