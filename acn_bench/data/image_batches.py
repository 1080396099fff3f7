"""Row numbers -> batches of augmented training images, or of test images, as floats in [0, 1] on the device.

The order: crop and flip, policy, floats, erasing, mixing. A row whose file is damaged is left out of its batch where
damaged files are skipped.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from acn_bench.data.augmentations.autoaugment import AutoAugment
from acn_bench.data.augmentations.erasing import Erasing
from acn_bench.data.augmentations.mixing import Mixer
from acn_bench.data.augmentations.randaugment import RandAugment
from acn_bench.data.image_source import ImageSource


@dataclass(frozen=True, kw_only=True)
class Augmentations:
    """What is done to training images beyond the crop and the flip of their source; None: nothing."""

    policy: AutoAugment | RandAugment | None = None
    erasing: Erasing | None = None
    mixer: Mixer | None = None


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """A batch; everything but `rows` is on the device."""

    rows: Tensor  # (B,) int64, on the CPU: the rows that are there
    images: Tensor  # (B, C, H, W) float32 in [0, 1]
    labels: Tensor  # (B,) int64
    other_labels: Tensor  # (B,) int64: of the image that was mixed in; the own one where none was
    share: Tensor  # (B,) float32: the weight of `labels`; that of `other_labels` is 1 - share

    def probabilities(self, classes: int) -> Tensor:
        """(B, classes) float32: targets of `torch.nn.functional.cross_entropy`."""
        share = self.share.unsqueeze(1)
        targets = torch.zeros(len(self.labels), classes, device=self.labels.device)
        targets.scatter_add_(1, self.labels.unsqueeze(1), share)
        return targets.scatter_add_(1, self.other_labels.unsqueeze(1), 1 - share)


class ImageBatches:
    """The batches of one split. An image depends on (seed, epoch, row) alone."""

    def __init__(
        self, source: ImageSource, augmentations: Augmentations | None = None, *, seed: int
    ) -> None:
        self.source = source
        self.augmentations = augmentations or Augmentations()
        self.seed = seed

    def train(self, rows: Tensor, epoch: int) -> LabelledImages:
        """Rows (B,) -> their augmented images. Raises DamagedImageError, as its source does."""
        rows = rows.cpu()
        images, there = self._augmented(rows, epoch)
        rows, mixer = rows[there], self.augmentations.mixer
        labels = self.source.labels[rows]
        others, share = labels, torch.ones(len(rows))
        if mixer is not None:
            H, W = images.shape[-2:]
            mix = mixer.draw(rows, self.seed, epoch, count=len(self.source.labels), shape=(H, W))
            if mix.chosen.any():
                partners, readable = self._augmented(mix.rows(), epoch)
                mix = mix.only(readable)
                images = mix.apply(images, partners)
                others = torch.where(mix.chosen, self.source.labels[mix.partner], labels)
                share = mix.share
        return self._labelled(rows, images, labels, others, share)

    def test(self, rows: Tensor) -> LabelledImages:
        """Rows (B,) -> their images without chance. Raises as `train`."""
        rows = rows.cpu()
        images, there = self._readable(rows, None)
        labels = self.source.labels[rows[there]]
        return self._labelled(rows[there], floats(images), labels, labels, torch.ones(len(labels)))

    def _augmented(self, rows: Tensor, epoch: int) -> tuple[Tensor, Tensor]:
        """Float images of the rows that are readable, and which of the rows those are, (B,) bool."""
        images, there = self._readable(rows, epoch)
        rows, policy, erasing = rows[there], self.augmentations.policy, self.augmentations.erasing
        if policy is not None and len(rows):
            images = policy(images, rows, self.seed, epoch)
        images = floats(images)
        if erasing is not None:
            images = erasing(images, rows, self.seed, epoch)
        return images, there

    def _readable(self, rows: Tensor, epoch: int | None) -> tuple[Tensor, Tensor]:
        images = self.source.images(rows, epoch)
        there = self.source.readable(rows)
        return (images, there) if there.all() else (images[there.to(images.device)], there)

    def _labelled(
        self, rows: Tensor, images: Tensor, labels: Tensor, others: Tensor, share: Tensor
    ) -> LabelledImages:
        device = images.device
        return LabelledImages(rows, images, labels.to(device), others.to(device), share.to(device))


def floats(images: Tensor) -> Tensor:
    """(B, C, H, W) uint8 -> float32 in [0, 1]."""
    return images.to(torch.float32).div_(255)
