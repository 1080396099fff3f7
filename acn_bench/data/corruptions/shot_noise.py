"""Photon counts: a Poisson number of each value."""

from functools import lru_cache

import numpy as np
import torch
from scipy.special import gammaln, xlogy
from torch import Tensor

from acn_bench.data.corruptions.corruption import common_corruption
from acn_bench.data.corruptions.draws import Draws


@common_corruption(cifar_c=(500, 250, 100, 75, 50), imagenet_c=(60, 25, 12, 5, 3))
def shot_noise(pixels: Tensor, photons: int, draws: Draws) -> Tensor:
    """Poisson(photons · x) / photons."""
    drawn = draws.sixteen_bits(*pixels.shape[1:])
    place = pixels.to(torch.int32).mul_(2**16).add_(drawn)
    return _noisy(photons, pixels.device).index_select(0, place.flatten()).view(pixels.shape)


@lru_cache(maxsize=5)  # 16 MiB each
def _noisy(photons: int, device: torch.device) -> Tensor:
    """(256 · 65536,) uint8: the noisy value of each value and each of 65,536 equally likely quantiles."""
    counts = np.arange(2 * photons + 40)  # of light that is white: more than 8 standard deviations
    clean = np.arange(256)[:, None] / 255 * photons
    chances = np.exp(xlogy(counts, clean) - clean - gammaln(counts + 1))
    below = np.rint(chances.cumsum(axis=1) * 2**16).astype(np.int64)  # quantiles up to each count
    values = np.uint8(np.clip(counts / photons, 0, 1) * 255)
    rises = torch.from_numpy(np.diff(values)).expand(256, -1)
    steps = torch.zeros(256, 2**16 + 1, dtype=torch.uint8)
    steps.scatter_add_(1, torch.from_numpy(below[:, :-1]), rises)
    return steps.cumsum(1, dtype=torch.uint8)[:, :-1].flatten().to(device)
