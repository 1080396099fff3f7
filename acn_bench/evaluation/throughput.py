"""Two networks and a batch -> examples per second of each, measured in alternation on this machine."""

from collections.abc import Callable
from statistics import median
from time import perf_counter

import torch
from torch import Tensor

from acn_bench.spec import Struct

REPETITIONS = 9
SECONDS = 0.25  # about, per repetition
SLOW = 1.0  # seconds; a batch that takes longer is made smaller

Forward = Callable[[Tensor], Tensor]


class Rate(Struct, frozen=True, kw_only=True):
    """Examples per second over the repetitions."""

    median: float
    lowest: float
    highest: float


class Throughput(Struct, frozen=True, kw_only=True):
    """Rates of two networks, which alternate in each repetition."""

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
    """Time both forward passes; the caller sets evaluation mode. `device` is a name for the record."""
    batch = _largest_batch(before, batch)
    arms = (before, after)
    for arm in arms:
        arm(batch)  # warm-up
    passes = [max(1, round(SECONDS / _seconds(arm, batch, 1))) for arm in arms]
    rates: list[list[float]] = [[], []]
    for _ in range(repetitions):  # alternate, so that other load on the machine slows both
        for arm, n, values in zip(arms, passes, rates, strict=True):
            values.append(n * len(batch) / _seconds(arm, batch, n))
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
    """The largest part of the batch that passes within SLOW seconds; at least one example."""
    forward(batch[:1])  # the very first pass also sets up kernels
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


def _rate(values: list[float]) -> Rate:
    return Rate(median=median(values), lowest=min(values), highest=max(values))
