"""Images moved along a line while they are taken, as ImageMagick's MotionBlurImage computes it."""

import math

import numpy as np
import torch
from torch import Tensor


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
    moved_rows = _Rows(pixels, min(len(line), width) - 1)
    total = torch.zeros(pixels.shape, dtype=torch.float32, device=pixels.device)
    for weight, begins in zip(weights.unbind(1), moved_rows.begins(rows, columns), strict=True):
        total += moved_rows.at(begins).mul_(weight.view(-1, 1, 1, 1))
    return total.round_().to(torch.int16).to(torch.uint8)


class _Rows:
    """Rows of images, moved: each a stretch of memory, copied as a whole."""

    def __init__(self, pixels: Tensor, reach: int) -> None:
        self.shape, self.reach = pixels.shape, reach
        left = pixels[..., :1].expand(*pixels.shape[:-1], reach)
        right = pixels[..., -1:].expand(*pixels.shape[:-1], reach)
        flat = torch.cat((left, pixels, right), dim=-1).flatten()
        width = pixels.shape[3]
        self.stretches = flat.as_strided((len(flat) - width + 1, width), (1, 1))  # they overlap

    def begins(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Moves (B, taps) in pixels -> where the moved rows begin in memory, (taps, B·C·H)."""
        images, channels, height, width = self.shape
        place = torch.arange(height, dtype=torch.int32, device=rows.device)
        plane = torch.arange(images * channels, dtype=torch.int32, device=rows.device) * height
        row = (rows.T.unsqueeze(-1) + place).clamp_(0, height - 1)  # (taps, B, H)
        column = columns.T.clamp(-self.reach, self.reach).add_(self.reach).unsqueeze(-1)
        begin = row.mul_(width + 2 * self.reach).add_(column).unsqueeze(2)
        plane = plane.mul_(width + 2 * self.reach).view(images, channels, 1)
        return (begin + plane).flatten(1)

    def at(self, begins: Tensor) -> Tensor:
        """(B·C·H,) -> (B, C, H, W) float32."""
        return self.stretches.index_select(0, begins).to(torch.float32).view(self.shape)


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
