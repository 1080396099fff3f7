"""RGB <-> hue, saturation, value, by scikit-image's operations in scikit-image's order."""

import torch
from torch import Tensor


def from_rgb(rgb: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(B, 3, H, W) in [0, 1] -> hue in [0, 1], saturation and value, (B, H, W) each."""
    red, green, blue = rgb.unbind(1)
    value = torch.maximum(torch.maximum(red, green), blue)
    spread = value - torch.minimum(torch.minimum(red, green), blue)
    grey = spread == 0
    safe = spread.masked_fill(grey, 1)
    hue = torch.where(red == value, (green - blue).div_(safe), 0.0)
    hue = torch.where(green == value, (blue - red).div_(safe).add_(2), hue)
    hue = torch.where(blue == value, (red - green).div_(safe).add_(4), hue).div_(6)
    hue = torch.where(hue < 0, hue + 1, hue).masked_fill_(grey, 0)
    return hue, spread.div_(value.masked_fill(grey, 1)), value


def to_rgb(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """(B, H, W) each -> (B, 3, H, W)."""
    sixth = hue * 6
    sector = sixth.floor()
    f = sixth.sub_(sector)
    p = (1 - saturation).mul_(value)
    q = (1 - f * saturation).mul_(value)
    t = (1 - (1 - f).mul_(saturation)).mul_(value)
    s0, s1, s2, s3, s4 = (sector == k for k in range(5))
    s0 |= sector == 6
    red = torch.where(s1, q, torch.where(s2 | s3, p, torch.where(s4, t, value)))
    green = torch.where(s0, t, torch.where(s1 | s2, value, torch.where(s3, q, p)))
    blue = torch.where(s0 | s1, p, torch.where(s2, t, torch.where(s3 | s4, value, q)))
    return torch.stack((red, green, blue), dim=1)
