"""Paired differences -> how far to believe them: spread, interval, p-value, and Holm's correction."""

from collections.abc import Sequence
from functools import lru_cache
from math import sqrt

CONFIDENCE = 0.95
ROUNDING = 1e-12  # equal differences of accuracies differ by less


def deviation(values: Sequence[float]) -> float | None:
    """Standard deviation of a sample (n - 1 below the line); None for fewer than two values."""
    n = len(values)
    if n < 2:
        return None
    middle = sum(values) / n
    return sqrt(sum((v - middle) ** 2 for v in values) / (n - 1))


def t_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """95 % interval of the mean by Student's t; None for one value; a point where all are equal."""
    spread = deviation(values)
    if spread is None:
        return None
    middle = sum(values) / len(values)
    if spread < ROUNDING:
        return (middle, middle)
    half = quantile(len(values) - 1) * spread / sqrt(len(values))
    return (middle - half, middle + half)


def p_value(values: Sequence[float]) -> float | None:
    """Two-sided, that the mean is zero, by the t-test: below 0.05 where the interval misses zero.

    Where all values are equal there is no spread for that, and it is the sign test's: 2 / 2^n, below 0.05 from
    six values on. None for one value, and where all are zero.
    """
    spread = deviation(values)
    if spread is None:
        return None
    n = len(values)
    if spread < ROUNDING:
        return None if abs(values[0]) < ROUNDING else 2.0 ** (1 - n)
    return 2 * _tail(n - 1, abs(sum(values) / n) * sqrt(n) / spread)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """The p-values adjusted for being one family (Holm 1979): rejecting at 0.05 errs at all in 5 % of families.

    A `None` has no p-value and gets none, but counts as a member, which can only make the others larger.
    """
    tested = sorted((p, k) for k, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, k) in enumerate(tested):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p))
        adjusted[k] = largest
    return adjusted


@lru_cache(64)  # a report asks for it thousands of times, for as many pairs
def quantile(degrees: int) -> float:
    """The 97.5 % point of Student's t, with so many degrees of freedom."""
    from scipy.special import stdtrit  # what scipy.stats.t.ppf calls; a fifth of its import time

    return float(stdtrit(degrees, (1 + CONFIDENCE) / 2))


def _tail(degrees: int, t: float) -> float:
    """How likely Student's t is to be above `t`."""
    from scipy.special import stdtr

    return float(stdtr(degrees, -t))
