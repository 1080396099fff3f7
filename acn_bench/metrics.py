"""Pure functions: raw measurements -> forgetting, accuracy, robustness, utilised depth.

`R[i][j]` is the accuracy on experience j after learning experience i, in [0, 1]; `None` was not
measured. A metric that needs a cell that was not measured is `None`, never a guess.
"""

from collections.abc import Sequence
from math import sqrt
from typing import Literal

from acn_bench import noninferiority

Matrix = Sequence[Sequence[float | None]]
Curve = Sequence[float]

ROUNDING = 1e-12  # an accuracy that lies exactly at a bound must not miss it by its last bit


def mean(values: Sequence[float | None]) -> float | None:
    """The mean; `None` where there is nothing, or where one value is missing."""
    present = [v for v in values if v is not None]
    return sum(present) / len(present) if present and len(present) == len(values) else None


def average_accuracy(R: Matrix) -> float | None:
    """Mean over experiences at the end of the stream (Lopez-Paz & Ranzato 2017)."""
    return mean(R[-1])


def learning_accuracy(R: Matrix) -> float | None:
    """Mean of R[j][j]: the accuracy on each experience just after it was learned."""
    return mean([R[j][j] for j in range(len(R))])


def average_incremental_accuracy(R: Matrix) -> float | None:
    """Mean over i of the mean accuracy on the experiences 0 … i (Rebuffi et al. 2017, iCaRL)."""
    return mean([mean(R[i][: i + 1]) for i in range(len(R))])


def forgetting(
    R: Matrix, kind: Literal["first_last", "chaudhry", "max"] = "first_last"
) -> float | None:
    """Mean over j < T-1 of the accuracy once had on experience j, less R[T-1][j].

    `first_last`: once = R[j][j] (ACN paper section 6; Avalanche).
    `chaudhry`: the best of the rows j … T-2 (Chaudhry et al. 2018, equation 3; FACIL).
    `max`: the best of the rows j … T-1, so never negative (mammoth, PyCIL).
    """
    last = len(R) - 1
    # the rows j … stop-1 are those of which the best is what was once had on j
    stops = {
        "first_last": [j + 1 for j in range(last)],
        "chaudhry": [last] * last,
        "max": [last + 1] * last,
    }
    if kind not in stops:
        raise ValueError(f"unknown kind of forgetting {kind!r}; known: {', '.join(stops)}")
    drops = [
        _drop([R[i][j] for i in range(j, stop)], R[last][j]) for j, stop in enumerate(stops[kind])
    ]
    return mean(drops)


def _drop(earlier: Sequence[float | None], now: float | None) -> float | None:
    known = [v for v in earlier if v is not None]
    if now is None or len(known) != len(earlier):
        return None
    return max(known) - now


def backward_transfer(R: Matrix) -> float | None:
    """Mean over j < T-1 of R[T-1][j] - R[j][j] (Lopez-Paz & Ranzato 2017): -forgetting, first_last."""
    value = forgetting(R)
    return None if value is None else -value


def forward_transfer(R: Matrix, initial: Sequence[float | None] | None) -> float | None:
    """Mean over j ≥ 1 of R[j-1][j] - initial[j] (Lopez-Paz & Ranzato 2017).

    `initial[j]` is the accuracy on experience j before any training. With a head each the head of an
    unseen experience is untrained, so there is nothing to transfer: `initial` is `None` and so is this.
    """
    if initial is None:
        return None
    before = [R[j - 1][j] for j in range(1, len(R))]
    return mean([_minus(b, initial[j]) for j, b in enumerate(before, start=1)])


def _minus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def utilised_depth(depth_accuracy: Curve, tolerance: float = 0.01) -> int:
    """The smallest k with accuracy[k] ≥ accuracy[L] - tolerance (ACN paper, appendix E: the cut-off layer).

    Raises ValueError for a tolerance below 0, which even L blocks would miss.
    """
    if not tolerance >= 0:
        raise ValueError(f"tolerance must be at least 0, not {tolerance}")
    full = depth_accuracy[-1]
    return next(k for k, a in enumerate(depth_accuracy) if a >= full - tolerance - ROUNDING)


def changes(correct: Sequence[Sequence[int]]) -> list[list[int]]:
    """Correct or not, (L+1, N) of 0 and 1 -> how many examples each depth [loses, gains] against depth L.

    Lost: right after L blocks and wrong after k. Gained: the reverse.
    """
    full = [bool(c) for c in correct[-1]]
    found = []
    for row in correct:
        pairs = [(bool(c), f) for c, f in zip(row, full, strict=True)]
        found.append([pairs.count((False, True)), pairs.count((True, False))])
    return found


def sufficient_depth(
    correct: Sequence[Sequence[int]], epsilon: float = 0.01, confidence: float = 0.95
) -> int:
    """Smallest k of which these examples show that it loses less than epsilon against depth L.

    `correct[k][n]` tells (0 or 1) whether example n is right with the head reading after k blocks; the
    examples must not have been trained on. Depths are tested from L-1 downwards until one fails, each at
    the full confidence: in a fixed sequence the chance of passing any depth that loses epsilon or more
    stays below 1 - confidence (Maurer, Hothorn & Lehmacher 1995). The test: `noninferiority`. L is the
    answer where nothing is shown, which with 360 examples or fewer is always so at the defaults.

    Raises ValueError for an epsilon or a confidence that cannot be.
    """
    return sufficient_depth_of_changes(changes(correct), len(correct[-1]), epsilon, confidence)


def sufficient_depth_of_changes(
    lost_and_gained: Sequence[Sequence[int]],
    count: int,
    epsilon: float = 0.01,
    confidence: float = 0.95,
) -> int:
    """`sufficient_depth` from what `changes` counted over `count` examples, (L+1, 2)."""
    depth = len(lost_and_gained) - 1
    while depth > 0:
        lost, gained = lost_and_gained[depth - 1]
        if not noninferiority.shown(lost, gained, count, epsilon, confidence):
            break
        depth -= 1
    return depth


def above_chance(accuracy: float, chance: float, count: int) -> bool:
    """Whether an accuracy over `count` examples lies two standard errors or more above chance."""
    return accuracy >= chance + 2 * sqrt(chance * (1 - chance) / count) - ROUNDING


def mean_corruption_error(errors: dict[str, Curve], reference_errors: dict[str, Curve]) -> float:
    """mCE: mean over corruptions of Σ_s error / Σ_s reference error (Hendrycks & Dietterich 2019).

    `errors[corruption][s]` is the error at severity s, in [0, 1]; both arguments name the same corruptions
    at the same severities. Raises ValueError where they don't, or where the reference makes no error.
    """
    return _mean_ratio(errors, 0.0, reference_errors, 0.0)


def relative_mean_corruption_error(
    errors: dict[str, Curve],
    clean: float,
    reference_errors: dict[str, Curve],
    reference_clean: float,
) -> float:
    """Relative mCE: as `mean_corruption_error`, with each model's clean error taken off each term."""
    return _mean_ratio(errors, clean, reference_errors, reference_clean)


def _mean_ratio(
    errors: dict[str, Curve], clean: float, reference: dict[str, Curve], reference_clean: float
) -> float:
    ours = {corruption: len(curve) for corruption, curve in errors.items()}
    theirs = {corruption: len(curve) for corruption, curve in reference.items()}
    if not ours or ours != theirs:
        raise ValueError(
            f"errors and reference must be of the same corruptions and severities; severities of each:"
            f" {ours} and {theirs}"
        )
    ratios = []
    for corruption, curve in errors.items():
        below = sum(e - reference_clean for e in reference[corruption])
        if below <= 0:
            raise ValueError(
                f"the reference loses nothing to {corruption!r}: there is no ratio to it"
            )
        ratios.append(sum(e - clean for e in curve) / below)
    return sum(ratios) / len(ratios)
