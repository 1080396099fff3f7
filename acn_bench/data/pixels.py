"""Images of any pixel type, as a user's data set yields them -> (N, C, H, W) uint8, or a refusal by name."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from acn_bench.user_functions import guarded

CHANNELS = 4  # grey, RGB, RGBA: a last axis this short beside a longer first one is the channels
FAINT = 16  # of 255: what 12 bits in uint16 become
_FORM = "an image is a PIL image, an array (H, W[, C]) or a tensor (C, H, W)"
_TYPES = "pixels are uint8, uint16, bool, or floats in [0, 1]"
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)  # torch computes little with these
_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, *_UNSIGNED)


class PixelReader:
    """Reads all images of the data set `name`: uint16 and bool are scaled by their range, floats by 255."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.types: set[str] = set()
        self.shapes: set[tuple[int, ...]] = set()
        self.brightest = 0  # of 255

    def stack(self, images: Iterable[Any]) -> Tensor:
        """(N, C, H, W). Raises ValueError where they differ in shape, for what is no image or of no known scale."""
        scaled = []
        for image in images:
            raw = _tensor(self.name, image)
            self.types.add(_type(raw))
            scaled.append(_bytes(self.name, raw))
            self.shapes.add(tuple(raw.shape))
        if len(self.shapes) > 1:
            listed = ", ".join("×".join(map(str, shape)) for shape in sorted(self.shapes))
            raise ValueError(f"{self.name} has images of different shapes: {listed}")
        pixels = torch.stack(scaled)
        self.brightest = max(self.brightest, int(pixels.max()))
        return pixels

    def refuse_faint(self) -> None:
        """Raise ValueError where scaling made all images nearly black: they do not use the range of their type."""
        if self.types != {"uint8"} and 0 < self.brightest <= FAINT:
            raise ValueError(
                f"{self.name} yields {' and '.join(sorted(self.types))} pixels that are nearly black: the brightest "
                f"of all is {self.brightest} of 255; scale them so that white is 1.0 in floats, 255 in uint8 or "
                "65535 in uint16"
            )


# ---------------------------------------------------------------- one image


def _tensor(name: str, yielded: Any) -> Tensor:
    """The image as (C, H, W), its pixels as they are."""
    with guarded(f"{name} yields an image that cannot be read"):  # a file that is cut, say
        plain = _pil(yielded) if hasattr(yielded, "convert") else yielded
    if isinstance(plain, np.ndarray):
        image = _array(name, plain)
    elif isinstance(plain, Tensor):
        image = plain
    else:
        raise ValueError(
            f"{name} yields a {type(plain).__name__} where an image should be: {_FORM}"
        )
    what = "a tensor" if image is plain else "an array"
    if image.ndim != 3 or not image.numel():
        raise ValueError(
            f"{name} yields {what} of shape {tuple(plain.shape)} where an image should be: {_FORM}"
        )
    C, H, W = image.shape
    if C > CHANNELS >= (W if image is plain else H):
        swap = ".permute(2, 0, 1)" if image is plain else ".transpose(1, 2, 0)"
        raise ValueError(
            f"{name} yields {what} of shape {tuple(plain.shape)}, which would be {C} channels: {_FORM}; write {swap}"
        )
    return image


def _pil(image: Any) -> np.ndarray[Any, Any]:
    """A PIL image, grey ones of any depth as they are, all others as RGB."""
    plain = image.mode in ("L", "RGB", "I", "F") or image.mode.startswith("I;16")
    return np.asarray(image if plain else image.convert("RGB"))


def _array(name: str, array: np.ndarray[Any, Any]) -> Tensor:
    """(H, W[, C]) -> (C, H, W)."""
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3:
        return torch.empty(0)  # refused by its shape
    try:
        native = array.astype(array.dtype.newbyteorder("="))  # a copy: it may be read-only
        return torch.from_numpy(native).permute(2, 0, 1)
    except TypeError:
        raise ValueError(f"{name} yields {array.dtype} pixels: {_TYPES}") from None


def _bytes(name: str, image: Tensor) -> Tensor:
    """(C, H, W) of any type -> uint8."""
    if image.dtype == torch.bool:
        return image.to(torch.uint8) * 255
    if image.dtype == torch.uint16:
        return (image.to(torch.float64) / 257).round().to(torch.uint8)
    if image.dtype in _FLOATS:
        return (_within(name, image, 1) * 255).round().to(torch.uint8)
    if image.dtype in _INTEGERS:
        return _within(name, image.to(torch.int64), 255, _type(image)).to(torch.uint8)
    raise ValueError(f"{name} yields {_type(image)} pixels: {_TYPES}")


def _within(name: str, image: Tensor, most: int, of_type: str = "") -> Tensor:
    """The image, whose values lie in 0 … `most`. Raises ValueError for others."""
    low, high = image.min(), image.max()
    if low >= 0 and high <= most:  # written so that NaN fails
        return image
    if of_type:
        raise ValueError(
            f"{name} yields {of_type} pixels from {int(low)} to {int(high)}: integers must lie in 0 … 255, or be "
            "uint16, 0 … 65535"
        )
    raise ValueError(
        f"{name} yields values from {low:.3g} to {high:.3g}: images must lie in [0, 1], before normalisation, "
        "which is the network's (a transform of None leaves them so)"
    )


def _type(image: Tensor) -> str:
    return str(image.dtype).removeprefix("torch.")
