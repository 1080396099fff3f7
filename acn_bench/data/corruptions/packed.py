"""Pixels of three 8-bit channels as one 32-bit number each, so that one gather moves all channels."""

import torch
from torch import Tensor


def pack(pixels: Tensor) -> Tensor:
    """(B, C, H, W) uint8 -> (B, H·W): uint8 for C = 1, int32 for C = 3."""
    if pixels.shape[1] == 1:
        return pixels.flatten(1)
    red, green, blue = pixels.flatten(2).to(torch.int32).unbind(1)
    return red + (green << 8) + (blue << 16)


def unpack(packed: Tensor) -> Tensor:
    """(B, N) -> (B, C, N) uint8."""
    if packed.dtype == torch.uint8:
        return packed.unsqueeze(1)
    planes = [(packed >> places).bitwise_and_(255) for places in (0, 8, 16)]
    return torch.stack(planes, dim=1).to(torch.uint8)
