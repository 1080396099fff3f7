"""Paired differences -> how many seeds would decide a claim, if the effect stays as it was seen."""

from collections.abc import Sequence
from math import sqrt

from acn_bench.analysis import statistics

POWER = 0.8  # the usual one (Cohen 1988)
MOST = 10_000  # seeds: more than that is "no effect" in practice
SIGN_TEST = 6  # pairs of one sign: 2 / 2^6 is the first below 0.05
TITLE = "Seeds that would decide"
DEFINITION = (
    "the fewest pairs of seeds with which the two-sided paired t-test at 5 % finds a difference with a probability of "
    f"{100 * POWER:.0f} %, if mean and standard deviation of the differences are those seen, by the noncentral t "
    "distribution; of few seeds both are uncertain, and so is this number; where all pairs differ by the same amount, the "
    "six that the sign test needs"
)
SOURCE = "Cohen 1988, chapter 2"


def power(effect: float, pairs: int) -> float:
    """The probability that the paired t-test at 5 % finds an effect; `effect` is mean ÷ standard deviation."""
    from scipy.special import nctdtr

    bound, shift = statistics.quantile(pairs - 1), abs(effect) * sqrt(pairs)
    return float(1 - nctdtr(pairs - 1, shift, bound) + nctdtr(pairs - 1, shift, -bound))


def seeds_to_decide(values: Sequence[float]) -> int | None:
    """The fewest pairs that would decide, at most `MOST`; None where no such number does, and for one pair."""
    spread = statistics.deviation(values)
    if spread is None:
        return None
    if spread < statistics.ROUNDING:
        return SIGN_TEST if abs(values[0]) >= statistics.ROUNDING else None
    effect, high = abs(sum(values) / len(values)) / spread, 2
    while power(effect, high) < POWER:  # from below: far above, the distribution has no value
        if high >= MOST:
            return None
        high = min(2 * high, MOST)
    low = high // 2  # pairs that are too few; `high` are enough
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(effect, middle) >= POWER else (middle, high)
    return high
