"""Photon counts: a Poisson number of each value."""

from functools import lru_cache

import numpy as np
import torch
from scipy.special import gammaln, xlogy
from torch import Tensor

from acn_bench.data.corruptions.corruption import common_corruption
from acn_bench.data.corruptions.draws import Draws

BITS = 6  # of a quantile's 16, within a row of the table


@common_corruption(cifar_c=(500, 250, 100, 75, 50), imagenet_c=(60, 25, 12, 5, 3))
def shot_noise(pixels: Tensor, photons: int, draws: Draws) -> Tensor:
    """Poisson(photons · x) / photons."""
    place = pixels.to(torch.int32).mul_(2**16).add_(draws.sixteen_bits(*pixels.shape[1:])).flatten()
    rows, values = _noisy(photons, pixels.device)
    row = rows.index_select(0, place >> BITS)
    found = values.index_select(0, row.add_(place.bitwise_and_(2**BITS - 1)))
    return found.view(pixels.shape)


@lru_cache(maxsize=10)  # 1 to 3 MiB each: a table of all quantiles has 16, too many for a cache
def _noisy(photons: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The noisy value of each value and each of 65,536 equally likely quantiles, in rows of 2^BITS quantiles.

    Where each row begins, (256 · 65536 / 2^BITS,) int32, and the different rows, uint8.
    """
    counts = np.arange(2 * photons + 40)  # of light that is white: more than 8 standard deviations
    clean = np.arange(256)[:, None] / 255 * photons
    chances = np.exp(xlogy(counts, clean) - clean - gammaln(counts + 1))
    below = np.rint(chances.cumsum(axis=1) * 2**16).astype(np.int64)  # quantiles up to each count
    values = np.uint8(np.clip(counts / photons, 0, 1) * 255)
    rises = torch.from_numpy(np.diff(values)).expand(256, -1)
    steps = torch.zeros(256, 2**16 + 1, dtype=torch.uint8)
    steps.scatter_add_(1, torch.from_numpy(below[:, :-1]), rises)
    rows = steps.cumsum(1, dtype=torch.uint8)[:, :-1].reshape(-1, 2**BITS).numpy()
    different, which = np.unique(rows.view(f"V{2**BITS}"), return_inverse=True)
    begins = torch.from_numpy(which.astype(np.int32).ravel()).mul_(2**BITS)
    return begins.to(device), torch.from_numpy(different.view(np.uint8)).to(device)
