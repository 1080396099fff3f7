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
LARGE = (
    2**15
)  # values of an image: one at a time is faster on a CPU than groups that leave its cache
SIGNED = frozenset({*MOVES, "Brightness", "Color", "Contrast", "Sharpness"})


def apply_(images: Tensor, names: Sequence[str | None], levels: Sequence[float]) -> Tensor:
    """(B, C, H, W) uint8: each image is changed in place by its operation and magnitude; None leaves it as it is."""
    for rows in _groups(images, names):
        if len(rows) == 1:  # a slice, which copies nothing
            part = images[rows[0] : rows[0] + 1]
            part.copy_(_changed(part, [str(names[rows[0]])], [levels[rows[0]]]))
        else:
            index = torch.tensor(rows).to(images.device, non_blocking=True)
            chosen = [str(names[row]) for row in rows]
            images[index] = _changed(images[index], chosen, [levels[row] for row in rows])
    return images


def _groups(images: Tensor, names: Sequence[str | None]) -> list[list[int]]:
    """The rows that go through an operation together: all of one operation, or one of an image that fills a cache."""
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        if name is not None and name != "Identity":
            rows.setdefault("move" if name in MOVES else name, []).append(row)
    if images.device.type == "cpu" and images[:1].numel() > LARGE:
        return [[row] for group in rows.values() for row in group]
    return list(rows.values())


def _changed(images: Tensor, names: Sequence[str], levels: Sequence[float]) -> Tensor:
    """(n, C, H, W) uint8 of one operation, or of several that move pixels -> the changed images."""
    if names[0] in MOVES:
        return move(images, names, levels)
    return OPERATIONS[names[0]](images, torch.tensor(levels, dtype=torch.float64).view(-1, 1, 1, 1))


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
    return _bytes(images.to(torch.float32).mul_(_float(1 + level, images)))


def _contrast(images: Tensor, level: Tensor) -> Tensor:
    values = images.to(torch.float32)
    mean = _grey(values).sum(dim=(1, 2, 3), keepdim=True, dtype=torch.float64)
    mean = mean.div_(images.shape[-2] * images.shape[-1]).to(torch.float32)
    return _blend(values, mean, level)


def _color(images: Tensor, level: Tensor) -> Tensor:
    if images.shape[1] == 1:
        return images
    values = images.to(torch.float32)
    return _blend(values, _grey(values), level)


def _sharpness(images: Tensor, level: Tensor) -> Tensor:
    if min(images.shape[-2:]) <= 2:
        return images
    sharp = images.to(torch.float32)
    rows = (sharp[:, :, :-2] + sharp[:, :, 1:-1]).add_(sharp[:, :, 2:])
    total = (rows[..., :-2] + rows[..., 1:-1]).add_(rows[..., 2:])  # of the 3 × 3 pixels around
    middle = sharp[..., 1:-1, 1:-1]
    blurred = total.add_(middle, alpha=4).div_(13).round_()
    middle.addcmul_(blurred.sub_(middle), _float(1 - (1 + level), images))
    return _bytes(sharp)


def _posterize(images: Tensor, level: Tensor) -> Tensor:
    mask = 256 - 2 ** (8 - level.to(torch.int64))
    return images & mask.to(images.device, torch.uint8)


def _solarize(images: Tensor, level: Tensor) -> Tensor:
    # rounded to float32 first, as torch does where it compares bytes with a number
    threshold = (255 * level).to(torch.float32).ceil_().to(images.device, torch.uint8)
    bright = (images >= threshold).view(torch.uint8)  # 0 or 1
    return bright.neg_().bitwise_xor_(images)  # 0 or 255; exclusive or with 255 inverts


def _equalize(images: Tensor) -> Tensor:
    if images.device.type != "cpu" or images[:1].numel() <= LARGE:
        small: Tensor = equalize(images)
        return small
    planes = images.reshape(-1, images.shape[-2] * images.shape[-1])  # (n·C, H·W)
    # the same tables; counting and looking up plane by plane is twice as fast here
    counts = torch.stack([plane.bincount(minlength=256) for plane in planes])
    below = counts.cumsum(1)
    brightest = counts.gather(1, below.argmax(1, keepdim=True))
    step = (planes.shape[1] - brightest) // 255
    table = ((below - counts + step // 2) // step.clamp_min(1)).clamp_(0, 255)
    table = torch.where(step > 0, table, torch.arange(256)).to(torch.uint8)
    return table.gather(1, planes.to(torch.int64)).view_as(images)


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
    "Equalize": _plain(_equalize),
    "Invert": _plain(torch.bitwise_not),
}


def _grey(values: Tensor) -> Tensor:
    """(n, C, H, W) float32 -> (n, 1, H, W), whole numbers."""
    if values.shape[1] == 1:
        return values
    red, green, blue = values.unbind(1)
    grey = red.mul(GREY[0]).add_(green, alpha=GREY[1]).add_(blue, alpha=GREY[2])
    return grey.floor_().unsqueeze(1)


def _blend(values: Tensor, other: Tensor, level: Tensor) -> Tensor:
    """(1 + level) · values - level · other, as bytes; `values` are overwritten."""
    factor = 1 + level
    values.mul_(_float(factor, values))
    return _bytes(values.addcmul_(other, _float(1 - factor, values)))


def _float(values: Tensor, images: Tensor) -> Tensor:
    """Of float64 arithmetic, rounded once."""
    return values.to(torch.float32).to(images.device, non_blocking=True)


def _bytes(values: Tensor) -> Tensor:
    return values.clamp_(0, 255).to(torch.uint8)
