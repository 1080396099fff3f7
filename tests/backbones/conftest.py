"""Small networks, and images to put through them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from acn_bench.backbones import Backbone, build

SIZES: dict[str, dict[str, Any]] = {
    "mixer": {"patch_size": 8, "width": 24, "token_width": 12, "channel_width": 32},
    "vit": {"patch_size": 8, "width": 24, "heads": 3},
    "bert": {"vocab_size": 50, "max_length": 16, "width": 24, "heads": 3},
}


@pytest.fixture
def small() -> Callable[..., Backbone]:
    """Makes a small network of a seed: `small("ac_mixer", depth=3)`."""

    def make(name: str, *, seed: int = 0, num_classes: int = 7, **sizes: Any) -> Backbone:
        torch.manual_seed(seed)
        family = name.rpartition("_")[2]
        return build(name, num_classes, **{"depth": 3} | SIZES[family] | sizes)

    return make


@pytest.fixture
def images() -> torch.Tensor:
    """(4, 3, 32, 32) in [0, 1]."""
    return torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def inputs(images: torch.Tensor) -> Callable[[str], tuple[torch.Tensor, ...]]:
    """What a small network of that name is called with: images; or token ids, a mask and types."""

    def of(name: str) -> tuple[torch.Tensor, ...]:
        if not name.endswith("bert"):
            return (images,)
        ids = torch.randint(1, 50, (4, 12), generator=torch.Generator().manual_seed(1))
        mask = (torch.arange(12) < torch.tensor([[12], [9], [5], [12]])).long()
        return ids, mask, (torch.arange(12) > 5).long().expand(4, -1)

    return of
