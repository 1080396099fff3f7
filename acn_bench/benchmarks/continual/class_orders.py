"""A named class order -> the classes, first to last.

A published "seed" defines an order only together with its generator, so published orders are stored as lists.
"""

import hashlib
from collections.abc import Sequence

from acn_bench.errors import shorten

FROM_SEED = "seed"  # no fixed order: the run's own seed draws it

# NumPy's legacy generator at seed 1993, `permutation(100)`: PyCIL and the surveys that use it
# (utils/data_manager.py, `"shuffle": true, "seed": [1993]`).
# fmt: off
_PYCIL = (
    68, 56, 78, 8, 23, 84, 90, 65, 74, 76, 40, 89, 3, 92, 55, 9, 26, 80, 43, 38, 58, 70, 77,
    1, 85, 19, 17, 50, 28, 53, 13, 81, 45, 82, 6, 59, 83, 16, 15, 44, 91, 41, 72, 60, 79, 52,
    20, 10, 31, 54, 37, 95, 14, 71, 96, 98, 97, 2, 64, 66, 42, 22, 35, 86, 24, 34, 87, 21, 99,
    0, 88, 27, 18, 94, 11, 12, 47, 25, 30, 46, 62, 69, 36, 61, 7, 63, 75, 5, 32, 4, 51, 48,
    73, 93, 39, 67, 29, 49, 57, 33,
)
# The fixed order of iCaRL's CIFAR-100, as Avalanche's baselines have it (split_cifar100/icarl.py).
_ICARL = (
    87, 0, 52, 58, 44, 91, 68, 97, 51, 15, 94, 92, 10, 72, 49, 78, 61, 14, 8, 86, 84, 96, 18,
    24, 32, 45, 88, 11, 4, 67, 69, 66, 77, 47, 79, 93, 29, 50, 57, 83, 17, 81, 41, 12, 37, 59,
    25, 20, 80, 73, 1, 28, 6, 46, 62, 82, 53, 9, 31, 75, 38, 63, 33, 74, 27, 22, 36, 3, 16,
    21, 60, 19, 70, 90, 89, 43, 5, 42, 65, 76, 40, 30, 23, 85, 2, 95, 56, 48, 71, 64, 98, 13,
    99, 7, 34, 55, 54, 26, 35, 39,
)
# fmt: on

NAMED: dict[str, tuple[int, ...]] = {
    "natural": tuple(range(100)),  # as the data set numbers them: mammoth
    "pycil1993": _PYCIL,
    "icarl": _ICARL,
}


def check(order: str | Sequence[int]) -> None:
    """Raise ValueError for an unknown name, and for a list with repeated or negative classes."""
    if isinstance(order, str):
        if order != FROM_SEED and order not in NAMED:
            known = ", ".join([FROM_SEED, *NAMED])
            raise ValueError(
                f"unknown class order {shorten(order)}. Known: {known}, or a list of classes"
            )
    elif len(set(order)) != len(order) or any(c < 0 for c in order):
        raise ValueError("a class order is a list of different class numbers from 0")


def fixed(order: str | Sequence[int]) -> tuple[int, ...] | None:
    """The classes in their order; None if the run's seed draws the order."""
    if isinstance(order, str):
        return NAMED.get(order)
    return tuple(order)


def digest(order: Sequence[int]) -> str:
    """Eight hex digits that identify an order."""
    return hashlib.sha256(",".join(map(str, order)).encode()).hexdigest()[:8]
