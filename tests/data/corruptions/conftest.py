"""Photographs of scikit-learn, cut into small images."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_image
from torch import Tensor


@pytest.fixture(scope="session")
def pixels() -> Tensor:
    """(12, 3, 32, 32) uint8."""
    cuts = [
        np.asarray(load_sample_image(name))[row : row + 128 : 4, column : column + 128 : 4]
        for name in ("china.jpg", "flower.jpg")
        for row in (0, 150, 290)
        for column in (30, 400)
    ]
    return torch.from_numpy(np.stack(cuts)).permute(0, 3, 1, 2).contiguous()


@pytest.fixture
def images(pixels: Tensor) -> Tensor:
    """The photographs as the network's input, in [0, 1]."""
    return pixels.float() / 255
