"""Rows and a function of rows -> its outcomes in the order of the rows, each computed by exactly one process."""

from collections.abc import Callable
from math import ceil

import torch
import torch.distributed as dist
from torch import Tensor

from acn_bench.training import distributed


def evaluate(
    outcomes: Callable[[Tensor], Tensor], rows: Tensor, batch_size: int, device: torch.device
) -> Tensor:
    """The outcomes (N, …) of rows (N,), on the CPU, in each process.

    `outcomes` takes at most `batch_size` rows (B,), and returns (B, …) of the same type and trailing shape in
    each call. All processes call it equally often, and must call this function: a process that has fewer rows
    repeats one, whose outcome is left out. Raises ValueError for no rows.
    """
    if not len(rows):
        raise ValueError("there are no rows to evaluate")
    processes = distributed.current()
    places = torch.arange(len(rows))
    mine = places[processes.rank :: processes.size]
    calls = ceil(ceil(len(rows) / processes.size) / batch_size)
    parts = [part for part in mine.split(batch_size) if len(part)]
    parts += [places[:1]] * (calls - len(parts))
    computed = torch.cat([outcomes(rows[part]).cpu() for part in parts])[: len(mine)]
    if processes.size == 1:
        gathered, order = computed, mine
    else:
        longest = ceil(len(rows) / processes.size)
        order = torch.cat([places[rank :: processes.size] for rank in range(processes.size)])
        gathered = _gathered(computed, longest, device)
    counted = torch.zeros(len(rows), dtype=torch.int64).index_add_(0, order, torch.ones_like(order))
    assert (counted == 1).all()  # each row once, whatever the number of processes
    assert len(gathered) == len(rows)
    ordered = torch.empty_like(gathered)
    ordered[order] = gathered
    return ordered


def _gathered(mine: Tensor, longest: int, device: torch.device) -> Tensor:
    """The outcomes of all processes, those of rank 0 first. A process may have one row less than `longest`."""
    processes = distributed.current()
    padded = torch.zeros(longest, *mine.shape[1:], dtype=mine.dtype)
    padded[: len(mine)] = mine
    sent = padded.to(device)
    received = [torch.empty_like(sent) for _ in range(processes.size)]
    dist.all_gather(received, sent)
    count = torch.tensor([len(mine)], device=device)
    counts = [torch.empty_like(count) for _ in range(processes.size)]
    dist.all_gather(counts, count)
    return torch.cat([part[: int(n)].cpu() for part, n in zip(received, counts, strict=True)])
