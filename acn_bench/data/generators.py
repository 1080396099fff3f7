"""Seed the three global generators from keys, and restore their state."""

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from acn_bench.data.counter import bits


def seed_everything(*keys: int | str) -> None:
    """Seed the generators of Python, NumPy and torch; the keys alone determine the state."""
    seed = int(bits(*keys)) & (2**63 - 1)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    if torch.accelerator.is_available():
        torch.manual_seed(seed)
    else:  # torch.manual_seed formats a stack trace for each kind of device that is absent: 2 ms
        torch.default_generator.manual_seed(seed)


def seed_torch(device: torch.device, *keys: int | str) -> None:
    """Seed torch's generators of the CPU and of this device alone; the keys alone determine the state.

    Takes microseconds: for each step of a training.
    """
    digest = hashlib.blake2b(repr(keys).encode(), digest_size=8).digest()
    seed = int.from_bytes(digest, "little") & (2**63 - 1)
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        torch.cuda.default_generators[index].manual_seed(seed)


@contextmanager
def preserved_generators() -> Iterator[None]:
    """Restore the generators of Python, NumPy and torch at the end of the block."""
    states = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
