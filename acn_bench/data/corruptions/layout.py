"""Images last: rows and columns of a whole batch are stretches of memory, which operations read at full speed."""

from torch import Tensor


def images_last(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (H, W, B·C), contiguous."""
    height, width = x.shape[2:]
    planes = x.reshape(-1, height * width)
    return planes.t().contiguous().view(height, width, len(planes))


def images_first(x: Tensor, channels: int = 3) -> Tensor:
    """(H, W, B·C) -> (B, C, H, W), a view."""
    return x.view(*x.shape[:2], -1, channels).permute(2, 3, 0, 1)
