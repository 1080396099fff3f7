"""The environment of torchrun or `accelerate launch` -> which of the launched processes this one is."""

import os
from dataclasses import dataclass

from acn_bench.errors import shorten


@dataclass(frozen=True)
class Launch:
    """One of the processes that a launcher started together."""

    rank: int  # in [0, world_size)
    world_size: int
    local_rank: int  # among those of this machine: the index of its GPU
    local_world_size: int


def launched() -> Launch | None:
    """This process's place among the launched; None where it was started alone.

    Raises ValueError where the launcher's variables are no such numbers.
    """
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        return None
    rank, size = _number("RANK", "0"), _number("WORLD_SIZE", "1")
    local = _number("LOCAL_RANK", str(rank)), _number("LOCAL_WORLD_SIZE", str(size))
    if not 0 <= rank < size or not 0 <= local[0] < local[1]:
        raise ValueError(
            f"the launcher's variables say process {rank} of {size}, on this machine {local[0]} of {local[1]}"
        )
    return Launch(rank, size, *local) if size > 1 else None


def _number(name: str, default: str) -> int:
    text = os.environ.get(name, default)
    if not text.isdecimal() or len(text) > 9:
        raise ValueError(f"the launcher's variable {name} is no number: {shorten(text)}")
    return int(text)
