"""A worker's share of a plan, `--shard 2/8`: the order in which the worker takes the runs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from acn_bench.errors import shorten

T = TypeVar("T")


@dataclass(frozen=True)
class Shard:
    """Worker `index` of `count`, from 1."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """The second of eight for "2/8". Raises ValueError for anything else."""
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
        index, count = map(int, match.groups()) if match else (0, 0)
        if not 1 <= index <= count:
            raise ValueError(
                f"--shard: {shorten(text)} is no share; the first of eight is 1/8, the last is 8/8"
            )
        return cls(index, count)

    def order(self, runs: Sequence[T]) -> list[T]:
        """All runs: the worker's own share first, then the shares of others, from their ends.

        Own shares are disjoint, whatever locks do. Others begin their share at its beginning.
        """
        shares = [list(runs[k :: self.count]) for k in range(self.count)]
        own, *others = shares[self.index - 1 :] + shares[: self.index - 1]
        return own + [run for share in others for run in reversed(share)]
