"""Images moved along a line while they are taken, as ImageMagick's MotionBlurImage computes it."""

import math

import numpy as np
import torch
from torch import Tensor

from acn_bench.data.corruptions.packed import channels, from_channels, pack, unpack


def motion_blur(pixels: Tensor, radius: int, sigma: float, degrees: Tensor) -> Tensor:
    """Blur pixels (B, C, H, W) uint8 along degrees (B,) -> the same, rounded.

    2 · radius + 1 pixels along the line, weighted by the one half of a Gaussian; edges are repeated. The motion
    ends where it would leave the image.
    """
    height, width = pixels.shape[2:]
    line = _weights(2 * radius + 1, sigma)
    rows, columns = _offsets(len(line), degrees)  # (B, taps)
    ended = ((rows.abs() >= height) | (columns.abs() >= width)).cumsum(1) > 0
    weights = torch.tensor(line, device=pixels.device).expand_as(ended).masked_fill(ended, 0)
    place = torch.arange(max(height, width), dtype=torch.int32, device=pixels.device)
    row = (rows.unsqueeze(-1) + place[:height]).clamp_(0, height - 1).mul_(width)
    column = (columns.unsqueeze(-1) + place[:width]).clamp_(0, width - 1)
    packed = pack(pixels)
    total = torch.zeros_like(channels(packed), dtype=torch.float32)
    for i in range(weights.shape[1]):
        places = (row[:, i].unsqueeze(2) + column[:, i].unsqueeze(1)).flatten(1).long()
        moved = channels(packed.gather(1, places)).to(torch.float32)
        total += moved.mul_(weights[:, i].view(-1, 1, 1))
    return unpack(from_channels(total.round_())).view(pixels.shape)


def _offsets(taps: int, degrees: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns, (B, taps) each, computed on the CPU: devices differ in sines."""
    angles = np.deg2rad(degrees.cpu().numpy())[:, None]
    step = np.arange(taps)
    rows, columns = (
        np.ceil(step * d - 0.5).astype(np.int32) for d in (np.sin(angles), np.cos(angles))
    )
    return torch.from_numpy(rows).to(degrees.device), torch.from_numpy(columns).to(degrees.device)


def _weights(taps: int, sigma: float) -> list[float]:
    """The normalised weights, without those that cannot change a sum in float32."""
    half = [math.exp(-(i**2) / (2 * sigma**2)) for i in range(taps)]
    total = sum(half)
    return [w / total for w in half if w / total > 2.0**-24]
