"""Limits of an axis -> its ticks, at round numbers."""

from collections.abc import Sequence
from functools import lru_cache
from math import ceil, floor, log10

from acn_bench.wording import number

Tick = tuple[float, str]
_STEPS = (1, 2, 5, 10)  # times a power of ten; and 25, whose quarters people know


@lru_cache(1024)  # panels share their scales
def ticks(low: float, high: float, most: int, whole: bool = False) -> tuple[Tick, ...]:
    """At most `most` + 1 round values between the limits, with their words; whole numbers alone where asked."""
    if not high > low:
        return ()
    step = _step((high - low) / most, whole)
    places = max(0, -floor(log10(step) + 1e-9))
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return tuple((k * step, number(k * step, places)) for k in range(first, last + 1))


def _step(at_least: float, whole: bool) -> float:
    """The smallest round step of that length or more."""
    size = 10.0 ** floor(log10(at_least))
    steps = [s * size for s in _STEPS] + [25.0]
    longer = (s for s in sorted(steps) if s >= at_least * (1 - 1e-9))
    step = next(longer, 10 * size)
    return max(1.0, step) if whole else step


def padded(values: Sequence[float], margin: float) -> tuple[float, float]:
    """Limits around values, with a share of their range on either side."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if high - low < 1e-9 * max(1.0, abs(high)):
        spread = 0.05 * abs(high) or 0.05
        return low - spread, high + spread
    return low - margin * (high - low), high + margin * (high - low)
