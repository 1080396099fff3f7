"""Seed, epoch and position -> a row: the order of training, without state.

A step, its share of a process and its micro-batches follow from two integers, the epoch and the step; so a
training that resumes needs nothing else.
"""

from math import ceil

import torch
from torch import Tensor

from acn_bench.data.counter import bits


def order(seed: int, epoch: int, rows: int) -> Tensor:
    """A permutation of 0 … rows-1, (rows,) int64; seed and epoch alone determine it."""
    return bits("order", seed, epoch, torch.arange(rows)).argsort(stable=True)


def of_step(order: Tensor, step: int, batch_size: int) -> Tensor:
    """The rows of a step of the epoch, at most `batch_size`; the last step may have fewer."""
    return order[step * batch_size : (step + 1) * batch_size]


def micro_batches(rows: Tensor, size: int, rank: int, world_size: int) -> list[tuple[Tensor, bool]]:
    """The rows of a step (B,) -> those of one process, in micro-batches of at most `size`; whether each counts.

    A process takes each `world_size`-th row. All processes get the same number of micro-batches, so that they
    meet in every collective operation: one that has fewer rows repeats a row of the step, which does not count.
    """
    count = ceil(ceil(len(rows) / world_size) / size)
    own = [(part, True) for part in rows[rank::world_size].split(size) if len(part)]
    return own + [(rows[:1], False)] * (count - len(own))
