"""Keys -> the state of the three global generators; and their state as it was."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from acn_bench.data.counter import bits


def seed_everything(*keys: int | str) -> None:
    """Set the generators of Python, NumPy and torch to what the keys say."""
    seed = int(bits(*keys)) & (2**63 - 1)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


@contextmanager
def generators_kept() -> Iterator[None]:
    """What happens inside leaves the generators of Python, NumPy and torch as they were."""
    states = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
