"""Small images -> the same images padded with black, cropped to their size at a random place, and mirrored."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from acn_bench.data.counter import bits


class Offsets(NamedTuple):
    """Where each image is cropped, relative to where it was, and whether it is mirrored."""

    down: Tensor  # (B,) int64, -padding … padding
    right: Tensor  # (B,) int64
    mirrored: Tensor  # (B,) bool


@dataclass(frozen=True, kw_only=True)
class CropFlip:
    """Pad by `padding` pixels and crop, `crops` times; mirror one image in two where `flip`.

    The released code of the paper crops twice and mirrors nothing. A second crop pads what the first one left:
    pixels that the first one cut off do not return.
    """

    padding: int = 4
    crops: int = 1
    flip: bool = True

    def __call__(self, images: Tensor, rows: Tensor, seed: int, epoch: int) -> Tensor:
        """(B, C, H, W) uint8 of rows (B,) -> (B, C, H, W) uint8."""
        rows = rows.to(images.device)
        for crop in range(self.crops):
            drawn = offsets(rows, seed, epoch, self.padding, crop)
            flips = self.flip and crop == 0
            images = shifted(images, drawn.down, drawn.right, drawn.mirrored if flips else None)
        return images


def offsets(rows: Tensor, seed: int, epoch: int, padding: int, crop: int = 0) -> Offsets:
    """The draws of each row (B,), on its device; `crop` counts the crops of one image."""
    random_bits = bits("augment" if crop == 0 else f"augment {crop}", seed, epoch, rows)
    side = 2 * padding + 1
    return Offsets(
        (random_bits & 0xFFFF) % side - padding,
        ((random_bits >> 16) & 0xFFFF) % side - padding,
        ((random_bits >> 32) & 1).bool(),
    )


def shifted(images: Tensor, down: Tensor, right: Tensor, mirrored: Tensor | None) -> Tensor:
    """(B, C, H, W) uint8, each image shifted by its (down, right), black around it, and mirrored where asked."""
    B, C, H, W = images.shape
    y = torch.arange(H, device=images.device) + down[:, None]  # (B, H): the source row of a pixel
    x = torch.arange(W, device=images.device) + right[:, None]  # (B, W): the source column
    if mirrored is not None:
        x = torch.where(mirrored[:, None], x.flip(1), x)
    inside = ((y >= 0) & (y < H))[:, :, None] & ((x >= 0) & (x < W))[:, None, :]  # (B, H, W)
    source = y.clamp(0, H - 1)[:, :, None] * W + x.clamp(0, W - 1)[:, None, :]  # (B, H, W)
    source = source.view(B, 1, H * W).expand(B, C, H * W)
    gathered = images.reshape(B, C, H * W).gather(2, source).view(B, C, H, W)
    return gathered.mul_(inside[:, None])
