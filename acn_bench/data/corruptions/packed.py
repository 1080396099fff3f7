"""Pixels of up to four 8-bit channels as one number each, so that one gather moves all channels."""

import torch
from torch import Tensor


def pack(pixels: Tensor) -> Tensor:
    """(B, C, H, W) uint8 -> (B, H·W): uint8 for C = 1, int32 for C = 2 … 4."""
    if pixels.shape[1] == 1:
        return pixels.flatten(1)
    size = (len(pixels), *pixels.shape[2:], 4)
    four = torch.zeros(size, dtype=torch.uint8, device=pixels.device)
    four[..., : pixels.shape[1]] = pixels.movedim(1, -1)
    return four.view(torch.int32).flatten(1)


def channels(packed: Tensor) -> Tensor:
    """(B, N) -> (B, N, 1 or 4) uint8."""
    return packed.unsqueeze(-1).view(torch.uint8)
