"""Images -> normalised images -> tokens, one per patch."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

MEAN = (0.5, 0.5, 0.5)
STD = (0.5, 0.5, 0.5)


class Normalise(nn.Module):
    """Images in [0, 1] -> (x - mean) / std. Both are buffers, so that a checkpoint holds them."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        if not all(s > 0 for s in std):
            raise ValueError(f"std must be above 0, not {tuple(std)}")
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std


class PatchEmbedding(nn.Module):
    """Images (B, C, H, W) -> tokens (B, T, D), one per square patch, in row order."""

    def __init__(self, image_size: int, in_channels: int, patch_size: int, width: int) -> None:
        super().__init__()
        if image_size % patch_size:
            raise ValueError(
                f"image_size {image_size} is not a multiple of patch_size {patch_size}"
            )
        self.tokens = (image_size // patch_size) ** 2
        self.proj = nn.Conv2d(in_channels, width, patch_size, stride=patch_size)

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.proj(images)  # (B, D, H/p, W/p)
        # else the residual stream keeps this layout, and every LayerNorm copies it
        return out.flatten(2).transpose(1, 2).contiguous()
