"""(seed, corruption, severity, row) -> the random numbers of each image of a batch."""

from dataclasses import dataclass

import torch
from torch import Tensor

from acn_bench.data import counter


@dataclass(frozen=True)
class Draws:
    """Numbers that depend on the keys, the image's row and their purpose alone; `purpose` tells several draws apart."""

    keys: tuple[int | str, ...]
    rows: Tensor  # (B,) row numbers in the data set

    def normals(self, *shape: int, purpose: str = "") -> Tensor:
        """(B, *shape) standard normals, float64."""
        count = torch.Size(shape).numel()
        drawn = counter.normals(count, *self.keys, purpose, self.rows)
        return drawn.to(torch.float64).view(-1, *shape)

    def uniform(self, low: float, high: float, *shape: int, purpose: str = "") -> Tensor:
        """(B, *shape) uniform numbers in (low, high), float64: the middles of 65,536 equal shares."""
        u = self.sixteen_bits(*shape, purpose=purpose).to(torch.float64)
        return u.add_(0.5).mul_((high - low) / 2**16).add_(low)

    def integers(self, high: int | Tensor, *, purpose: str = "") -> Tensor:
        """(B,) integers in [0, high), int64."""
        return counter.integers(high, *self.keys, purpose, self.rows)

    def sixteen_bits(self, *shape: int, purpose: str = "") -> Tensor:
        """(B, *shape) integers in [0, 65536), int32."""
        count = torch.Size(shape).numel()
        return counter.sixteen_bits(count, *self.keys, purpose, self.rows).view(-1, *shape)
