"""8-bit RGB <-> hue, saturation, value, with the roundings of scikit-image's float64.

Choices are made by sums of whole numbers and by gathers: several times the speed of `torch.where`.
"""

import torch
from torch import Tensor

from acn_bench.data.corruptions.division import divided, unit

# for the sectors 0 … 6 of the hue, in two bits each: which of value, t, p, q is red, green and blue
_RED, _GREEN, _BLUE = 0b00_00_01_10_10_11_00, 0b01_10_10_11_00_00_01, 0b10_11_00_00_01_10_10


def from_pixels(pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(B, 3, H, W) uint8 -> hue in [0, 1], saturation and value, (B, H, W) float64 each."""
    red, green, blue = pixels.unbind(1)
    largest = torch.maximum(torch.maximum(red, green), blue)
    smallest = torch.minimum(torch.minimum(red, green), blue)
    by_blue = (blue == largest).to(torch.uint8)  # the last of equals counts, as there
    by_green = (green == largest).to(torch.uint8) * (1 - by_blue)
    by_red = 1 - by_blue - by_green
    first = by_blue * red + by_green * blue + by_red * green
    second = by_blue * green + by_green * red + by_red * blue
    below = by_red * (torch.maximum(first, second) != first).to(torch.uint8)  # the hue is negative
    grey = (largest == smallest).to(torch.uint8)
    value = unit(largest)
    spread = value - unit(smallest)
    hue = unit(first).sub_(unit(second)).div_(spread + grey)
    hue.add_(by_blue * 4 + by_green * 2)
    hue = divided(hue, 6).add_(below).mul_(1 - grey)
    return hue, spread.div_(value + grey), value


def to_rgb(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """(B, H, W) each -> (B, 3, H, W)."""
    sixth = hue * 6
    sector = sixth.floor()
    f = sixth.sub_(sector)
    p = (1 - saturation).mul_(value)
    q = (1 - f * saturation).mul_(value)
    t = (1 - (1 - f).mul_(saturation)).mul_(value)
    choices = torch.stack((value, t, p, q), dim=1).flatten()
    size = value[0].numel()
    place = torch.arange(len(value), dtype=torch.int32, device=value.device).view(-1, 1) * (
        4 * size
    )
    place = place + torch.arange(size, dtype=torch.int32, device=value.device)
    shift = sector.to(torch.int32).mul_(2).flatten(1)
    channels = [
        choices.index_select(0, ((code >> shift) & 3).mul_(size).add_(place).flatten().long())
        for code in torch.tensor((_RED, _GREEN, _BLUE), dtype=torch.int32, device=value.device)
    ]
    return torch.stack([c.view(value.shape) for c in channels], dim=1)
