"""The operations of AutoAugment and RandAugment on uint8 images, each image with its own magnitude.

Images that drew one operation go through it together. On a CPU the bytes are those of torchvision's v2 operations
on tensors; sums of pixels are exact, so that they do not depend on the batch.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import autocontrast, equalize

from acn_bench.data.augmentations.geometric import MOVES, move

Operation = Callable[[Tensor, Tensor], Tensor]  # images (n, C, H, W) uint8, magnitudes (n, 1, 1, 1)

GREY = (0.2989, 0.587, 0.114)  # shares of red, green and blue
SIGNED = frozenset({*MOVES, "Brightness", "Color", "Contrast", "Sharpness"})


def apply(images: Tensor, names: Sequence[str | None], magnitudes: Sequence[float]) -> Tensor:
    """(B, C, H, W) uint8, each image changed by its operation and magnitude; None leaves it as it is."""
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        if name is not None and name != "Identity":
            rows.setdefault("move" if name in MOVES else name, []).append(row)
    changed = images.clone(memory_format=torch.contiguous_format)
    for name, chosen in rows.items():
        index = torch.tensor(chosen).to(images.device, non_blocking=True)
        levels = [magnitudes[row] for row in chosen]
        if name == "move":
            new = move(images[index], [str(names[row]) for row in chosen], levels)
        else:
            level = torch.tensor(levels, dtype=torch.float64).view(-1, 1, 1, 1)
            new = OPERATIONS[name](images[index], level)
        changed[index] = new
    return changed


def magnitudes(name: str, bins: int, height: int, width: int) -> list[float]:
    """The strengths that an operation has, from weak to strong, (bins,); zeros where it has none.

    AutoAugment (Cubuk et al. 2019), table 6; as in torchvision a translation is a share of the image, not of 331 pixels.
    """
    if name == "Posterize":  # bits that are kept
        steps = 8 - torch.arange(bins) / ((bins - 1) / 4)
        return [float(kept) for kept in steps.round().int()]
    first, last = _range(name, height, width)
    return [float(level) for level in torch.linspace(first, last, bins)]


def _range(name: str, height: int, width: int) -> tuple[float, float]:
    match name:
        case "ShearX" | "ShearY":
            return 0.0, 0.3
        case "TranslateX":
            return 0.0, 150.0 / 331.0 * width
        case "TranslateY":
            return 0.0, 150.0 / 331.0 * height
        case "Rotate":
            return 0.0, 30.0
        case "Brightness" | "Color" | "Contrast" | "Sharpness":
            return 0.0, 0.9
        case "Solarize":
            return 1.0, 0.0
    return 0.0, 0.0


# ---------------------------------------------------------------- by the values of pixels


def _brightness(images: Tensor, level: Tensor) -> Tensor:
    return _bytes(images * _float(1 + level, images))


def _contrast(images: Tensor, level: Tensor) -> Tensor:
    mean = _grey(images).sum(dim=(1, 2, 3), keepdim=True, dtype=torch.float64)
    mean = mean.div_(images.shape[-2] * images.shape[-1]).to(torch.float32)
    return _blend(images, mean, level)


def _color(images: Tensor, level: Tensor) -> Tensor:
    return images if images.shape[1] == 1 else _blend(images, _grey(images), level)


def _sharpness(images: Tensor, level: Tensor) -> Tensor:
    if min(images.shape[-2:]) <= 2:
        return images
    sharp = images.to(torch.float32)
    rows = sharp[:, :, :-2] + sharp[:, :, 1:-1] + sharp[:, :, 2:]
    total = rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]  # of the 3 × 3 pixels around
    middle = sharp[..., 1:-1, 1:-1]
    blurred = total.add_(middle, alpha=4).div_(13).round_()
    share = _float(1 - (1 + level), images)
    sharp[..., 1:-1, 1:-1] = torch.addcmul(middle, blurred.sub_(middle), share)
    return _bytes(sharp)


def _posterize(images: Tensor, level: Tensor) -> Tensor:
    mask = 256 - 2 ** (8 - level.to(torch.int64))
    return images & mask.to(images.device, torch.uint8)


def _solarize(images: Tensor, level: Tensor) -> Tensor:
    # rounded to float32 first, as torch does where it compares bytes with a number
    threshold = (255 * level).to(torch.float32).ceil_().to(images.device, torch.uint8)
    return torch.where(images >= threshold, images.bitwise_not(), images)


def _plain(change: Callable[[Tensor], Tensor]) -> Operation:
    """An operation without a magnitude."""
    return lambda images, _: change(images)


OPERATIONS: dict[str, Operation] = {
    "Brightness": _brightness,
    "Color": _color,
    "Contrast": _contrast,
    "Sharpness": _sharpness,
    "Posterize": _posterize,
    "Solarize": _solarize,
    "AutoContrast": _plain(autocontrast),
    "Equalize": _plain(equalize),
    "Invert": _plain(torch.bitwise_not),
}


def _grey(images: Tensor) -> Tensor:
    """(n, 1, H, W) float32, whole numbers."""
    if images.shape[1] == 1:
        return images.to(torch.float32)
    red, green, blue = images.unbind(1)
    grey = red.mul(GREY[0]).add_(green, alpha=GREY[1]).add_(blue, alpha=GREY[2])
    return grey.floor_().unsqueeze(1)


def _blend(images: Tensor, other: Tensor, level: Tensor) -> Tensor:
    """(1 + level) · images - level · other, as bytes."""
    factor = 1 + level
    return _bytes(torch.addcmul(images * _float(factor, images), other, _float(1 - factor, images)))


def _float(values: Tensor, images: Tensor) -> Tensor:
    """Of float64 arithmetic, rounded once."""
    return values.to(torch.float32).to(images.device, non_blocking=True)


def _bytes(values: Tensor) -> Tensor:
    return values.clamp_(0, 255).to(torch.uint8)
