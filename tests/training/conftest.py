"""Small networks, and handwritten digits to train them on."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from acn_bench.backbones import Backbone, build
from acn_bench.data import images

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


@pytest.fixture(scope="session")
def digits() -> images.ImageData:
    """digits10."""
    return images.load("digits10")
