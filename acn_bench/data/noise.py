"""Clean images -> corrupted images, the same for the same seed and row.

The noise of an image depends on (seed, corruption, its index) alone. The level only scales it, so the levels of
one corruption are nested: a higher level changes the same pixels, and more of them.
"""

import math
from typing import Protocol

import torch
from torch import Tensor

from acn_bench.data import counter


class Corruption(Protocol):
    """A corruption at one level; `indices` (B,) are row numbers in the data set."""

    def __call__(
        self, images: Tensor, level: float, /, seed: int = 0, indices: Tensor | None = None
    ) -> Tensor: ...


def gaussian(
    images: Tensor,
    sigma: float,
    seed: int = 0,
    indices: Tensor | None = None,
    *,
    clip: bool = True,
) -> Tensor:
    """Each value plus N(0, sigma²), clipped to [0, 1] unless `clip` is False.

    images (B, C, H, W) floating, in [0, 1] -> the same; indices (B,) integer, default 0 … B-1.
    Raises ValueError where an argument has another shape, type or range, or sigma is negative.
    """
    rows = _checked(images, indices)
    if not (sigma >= 0 and math.isfinite(sigma)):
        raise ValueError(f"sigma is {sigma}: it must be a finite number, 0 or more")
    z = counter.normals(images[0].numel() if len(images) else 0, seed, "gaussian", rows)
    # two steps, not addcmul: the fused one rounds differently in the body and in the tail of a vector
    noise = z.view(images.shape).to(images.dtype).mul_(sigma)
    noisy = noise.add_(images)
    return noisy.clamp_(0, 1) if clip else noisy


def salt_and_pepper(
    images: Tensor,
    share: float,
    seed: int = 0,
    indices: Tensor | None = None,
    *,
    per_value: bool = False,
) -> Tensor:
    """round(share · H · W) pixels of each image, all channels at once: half to 0, half to 1.

    With `per_value` round(share · C · H · W) values instead, each channel on its own. Where the number is odd, the
    last one is set to 0 or 1 at random. images (B, C, H, W) floating, in [0, 1] ->
    the same; indices (B,) integer, default 0 … B-1. Raises ValueError where an argument has another shape, type
    or range, or share lies outside [0, 1].
    """
    rows = _checked(images, indices).unsqueeze(-1)
    if not 0 <= share <= 1:
        raise ValueError(f"share is {share}: it must lie in [0, 1]")
    noisy = images.clone(memory_format=torch.contiguous_format).clamp_(0, 1)
    if not len(images):
        return noisy
    places = noisy.view(len(images), 1, -1) if per_value else noisy.flatten(2)  # (B, 1 or C, size)
    size = places.shape[2]
    count = round(share * size)
    each = torch.arange(size, device=images.device)
    rank = counter.bits(seed, "salt_and_pepper", rows, each).argsort(dim=1)
    changed = rank[:, :count].unsqueeze(1).expand(-1, places.shape[1], -1)  # (B, 1 or C, count)
    first = counter.integers(2, seed, "salt_and_pepper first", rows)  # (B, 1)
    value = ((first + torch.arange(count, device=images.device)) % 2).to(images.dtype)
    places.scatter_(2, changed, value.unsqueeze(1).expand_as(changed))
    return noisy


def eight_bits(images: Tensor) -> Tensor:
    """Images in [0, 1] in steps of 1/255, truncated as `np.uint8(255 * x)` does."""
    steps = (images.to(torch.float64) * 255 + 1e-4).floor_()  # 1e-4: a float k/255 stays k/255
    return steps.div_(255).to(images.dtype)


CORRUPTIONS: dict[str, Corruption] = {"gaussian": gaussian, "salt_and_pepper": salt_and_pepper}


def _checked(images: Tensor, indices: Tensor | None) -> Tensor:
    """The row numbers, (B,). Raises ValueError where images or indices have another shape, type or range."""
    if images.dim() != 4:
        raise ValueError(f"images are {tuple(images.shape)}: they must be (B, C, H, W)")
    if not images.is_floating_point():
        raise ValueError(f"images are {images.dtype}: they must be floating, in [0, 1]")
    if images.numel():
        low, high = (bound.item() for bound in images.aminmax())
        if not (low >= -1e-4 and high <= 1 + 1e-4):  # 1e-4: rounding; written so that NaN fails
            raise ValueError(f"images lie in [{low:.4g}, {high:.4g}]: they must lie in [0, 1]")
    if indices is None:
        return torch.arange(len(images), device=images.device)
    if indices.shape != images.shape[:1]:
        raise ValueError(
            f"indices are {tuple(indices.shape)}: one for each of {len(images)} images"
        )
    return indices.to(images.device)
