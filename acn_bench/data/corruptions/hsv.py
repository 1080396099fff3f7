"""8-bit RGB <-> hue, saturation, value, with the roundings of scikit-image's float64.

Choices are made by sums and shifts of whole numbers: several times the speed of comparisons and `torch.where`.
"""

import torch
from torch import Tensor

from acn_bench.data.corruptions.division import divided, unit

# for the sectors 0 … 6 of the hue, in two bits each: which of value, t, p, q is red, green and blue
CHOICES = (0b00_00_01_10_10_11_00, 0b01_10_10_11_00_00_01, 0b10_11_00_00_01_10_10)


def from_pixels(pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(B, 3, H, W) uint8 -> hue in [0, 1], saturation and value, (B, H, W) float64 each."""
    red, green, blue = pixels.unbind(1)
    largest = torch.maximum(torch.maximum(red, green), blue)
    smallest = torch.minimum(torch.minimum(red, green), blue)
    by_blue = 1 - _differ(largest, blue)  # the last of equals counts, as there
    by_green = (1 - _differ(largest, green)).mul_(1 - by_blue)
    by_red = 1 - by_blue - by_green
    first = (by_blue * red).add_(by_green * blue).add_(by_red * green)
    second = (by_blue * green).add_(by_green * red).add_(by_red * blue)
    below = by_red.mul_(_differ(torch.maximum(first, second), first))  # the hue is negative
    coloured = _differ(largest, smallest)
    grey = 1 - coloured
    value = unit(largest)
    spread = value - unit(smallest)
    hue = unit(first).sub_(unit(second)).div_(spread + grey)
    hue.add_(by_blue.mul_(2).add_(by_green).mul_(2))
    hue = divided(hue, 6).add_(below).mul_(coloured)
    return hue, spread.div_(value + grey), value


def _differ(larger: Tensor, smaller: Tensor) -> Tensor:
    """0 where two equal each other, 1 elsewhere."""
    return (larger - smaller).clamp_(max=1)


def to_pixels(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """(B, H, W) each -> (B, 3, H, W) uint8, truncated."""
    sixth = hue * 6
    sector = sixth.floor()
    f = sixth.sub_(sector)
    p = (1 - saturation).mul_(value)
    q = (1 - f * saturation).mul_(value)
    t = (1 - (1 - f).mul_(saturation)).mul_(value)
    packed = torch.zeros(value.shape, dtype=torch.int32, device=value.device)
    for place, choice in enumerate((value, t, p, q)):
        eight_bits = choice.clamp_(0, 1).mul_(255).to(torch.int32)
        packed.bitwise_or_(eight_bits.bitwise_left_shift_(8 * place))
    choices = torch.tensor(CHOICES, dtype=torch.int32, device=value.device).view(3, 1, 1)
    shift = (choices >> sector.to(torch.int32).mul_(2).unsqueeze(1)).bitwise_and_(3).mul_(8)
    return (packed.unsqueeze(1) >> shift).bitwise_and_(255).to(torch.uint8)
