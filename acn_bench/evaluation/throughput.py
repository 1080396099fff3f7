"""Two networks and a batch -> examples per second of each, measured in turns on this machine."""

from collections.abc import Callable
from statistics import median
from time import perf_counter

import torch
from torch import Tensor

from acn_bench.spec import Struct

REPETITIONS = 9
SECONDS = 0.25  # of one repetition, about
SLOW = 1.0  # seconds of a batch; where it takes longer, a smaller one is measured

Forward = Callable[[Tensor], Tensor]


class Rate(Struct, frozen=True, kw_only=True):
    """Examples per second over the repetitions."""

    median: float
    lowest: float
    highest: float


class Throughput(Struct, frozen=True, kw_only=True):
    """Forward passes of two networks, one after the other in each repetition."""

    before: Rate
    after: Rate
    speed_up: float  # median over repetitions of after / before
    speed_up_lowest: float
    speed_up_highest: float
    repetitions: int
    batch: int
    device: str


def throughput(
    before: Forward, after: Forward, batch: Tensor, device: str, repetitions: int = REPETITIONS
) -> Throughput:
    """Time both forward passes; the caller sees to evaluation mode. `device` is a name for the record."""
    batch = _largest_batch(before, batch)
    arms = (before, after)
    for arm in arms:
        arm(batch)  # warm
    passes = [max(1, round(SECONDS / _seconds(arm, batch, 1))) for arm in arms]
    rates: list[list[float]] = [[], []]
    for _ in range(repetitions):  # in turns, so that a busy neighbour meets both
        for arm, n, found in zip(arms, passes, rates, strict=True):
            found.append(n * len(batch) / _seconds(arm, batch, n))
    gains = [b / a for a, b in zip(*rates, strict=True)]
    return Throughput(
        before=_rate(rates[0]),
        after=_rate(rates[1]),
        speed_up=median(gains),
        speed_up_lowest=min(gains),
        speed_up_highest=max(gains),
        repetitions=repetitions,
        batch=len(batch),
        device=device,
    )


def _largest_batch(forward: Forward, batch: Tensor) -> Tensor:
    """As much of the batch as passes within SLOW seconds; one example at least."""
    forward(batch[:1])  # the first pass of all sets kernels up
    one = _seconds(forward, batch[:1], 1)
    return batch[: max(1, min(len(batch), int(SLOW / one)))]


def _seconds(forward: Forward, batch: Tensor, passes: int) -> float:
    _finish(batch)
    start = perf_counter()
    for _ in range(passes):
        forward(batch)
    _finish(batch)
    return max(perf_counter() - start, 1e-9)


def _finish(batch: Tensor) -> None:
    if batch.is_cuda:
        torch.cuda.synchronize(batch.device)


def _rate(found: list[float]) -> Rate:
    return Rate(median=median(found), lowest=min(found), highest=max(found))
