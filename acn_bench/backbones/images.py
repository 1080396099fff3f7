"""Check the input of a vision backbone.

The check comes before normalisation, which would broadcast a grey image to three channels.
"""

import torch
from torch import Tensor


def check(images: Tensor, shape: tuple[int, ...], weights: torch.dtype) -> None:
    """Raise ValueError where the input is not (B, C, H, W) of this (C, H, W), floating, in the weights' dtype."""
    if not isinstance(images, Tensor):
        raise ValueError(
            f"expected images as a torch.Tensor (B, {', '.join(map(str, shape))}), got "
            f"{type(images).__module__}.{type(images).__name__}"
        )
    if not images.is_floating_point():
        raise ValueError(f"expected images as floating point in [0, 1], got {images.dtype}")
    if images.dim() != 4 or tuple(images.shape[1:]) != shape:
        raise ValueError(
            f"expected images (B, {', '.join(map(str, shape))}), got {tuple(images.shape)}"
        )
    casts = torch.is_autocast_enabled(images.device.type) and images.dtype != torch.float64
    if images.dtype != weights and not casts:
        raise ValueError(
            f"expected images in the dtype of the weights, {weights}, got {images.dtype}"
        )
