"""Pure functions: raw measurements -> forgetting, accuracy, robustness, utilised depth.

`R[i][j]` is the accuracy on experience j after learning experience i, in [0, 1]; `None` or NaN where it was not
measured. A metric that needs such a cell is `None`. Lists, arrays and tensors serve alike.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import isnan, sqrt
from operator import index
from typing import Literal, TypeGuard, TypeVar

from acn_bench import noninferiority
from acn_bench.errors import shorten

Matrix = Sequence[Sequence[float | None]]
Curve = Sequence[float]
DepthMatrix = Sequence[Sequence[Curve | None]]  # R[i][j][k]: after 0 … L blocks
Item = TypeVar("Item")

ROUNDING = 1e-12  # so that rounding does not move an accuracy that equals a bound below it


def mean(values: Sequence[float | None]) -> float | None:
    """The mean; `None` where there are no values, or where one was not measured."""
    if not len(values):
        return None
    try:  # most have no gap
        total = float(sum(values) / len(values))  # type: ignore[arg-type]
    except TypeError:
        if any(v is None for v in values):
            return None
        raise
    return None if isnan(total) else total


def _measured(value: float | None) -> TypeGuard[float]:
    return value is not None and not isnan(value)


# ---------------------------------------------------------------- accuracy over the stream


def average_accuracy(R: Matrix) -> float | None:
    """Mean over experiences at the end of the stream (Lopez-Paz & Ranzato 2017)."""
    return mean(R[-1]) if len(R) else None


def stream_accuracy(R: Matrix, counts: Sequence[int]) -> float | None:
    """Share of all test examples that are correct at the end; experience j has `counts[j]` of them.

    Avalanche's `Top1_Acc_Stream`. Equals the average accuracy where all experiences have the same count.
    """
    last = R[-1] if len(R) else []
    weighted = mean([None if a is None else a * n for a, n in zip(last, counts, strict=True)])
    return None if weighted is None else float(weighted * len(counts) / sum(counts))


def learning_accuracy(R: Matrix) -> float | None:
    """Mean of R[j][j]: the accuracy on each experience just after it was learned (Riemer et al. 2019)."""
    return mean([R[j][j] for j in range(len(R))])


def average_incremental_accuracy(R: Matrix) -> float | None:
    """Mean over i of the mean accuracy on the experiences 0 … i (Rebuffi et al. 2017, iCaRL)."""
    return mean([mean(R[i][: i + 1]) for i in range(len(R))])


def anytime_accuracy(R: Matrix) -> float | None:
    """Mean over all cells R[i][j] with j ≤ i (A of Díaz-Rodríguez et al. 2018).

    The average of averages of Caccia et al. 2022 is `average_incremental_accuracy`.
    """
    return mean([value for i in range(len(R)) for value in R[i][: i + 1]])


# ---------------------------------------------------------------- forgetting and transfer


def forgetting(
    R: Matrix, kind: Literal["first_last", "chaudhry", "max"] = "first_last"
) -> float | None:
    """Mean over j < T-1 of an earlier accuracy on experience j minus the final R[T-1][j].

    `first_last`: the earlier accuracy is R[j][j] (ACN paper section 6; Avalanche).
    `chaudhry`: the best of the rows j … T-2 (Chaudhry et al. 2018, equation 3; FACIL).
    `max`: the best of the rows j … T-1, so never negative (mammoth, PyCIL).
    """
    last = len(R) - 1
    rows = {"first_last": 0, "chaudhry": last, "max": last + 1}  # the best of those before
    stop = _of_kind(kind, rows, "forgetting")
    if kind == "first_last":
        return mean([_minus(R[j][j], R[last][j]) for j in range(last)])
    return mean([_drop([row[j] for row in R[j:stop]], R[last][j]) for j in range(last)])


def relative_forgetting(R: Matrix, chance: float) -> float | None:
    """`forgetting` (first_last) as a share of the learned accuracy above chance level.

    The mean over j < T-1 of R[j][j] - R[T-1][j], divided by the mean over j < T-1 of R[j][j] - chance: 1 where
    the final accuracy is at chance level. None where nothing was learned: the divisor is not above zero.
    """
    lost = forgetting(R)
    learned = mean([R[j][j] for j in range(len(R) - 1)])
    if lost is None or learned is None:
        return None
    return share_of(lost, learned - chance)


def share_of(part: float, whole: float) -> float | None:
    """`part / whole`; None where the whole is not above zero."""
    return part / whole if whole > ROUNDING else None


def forgetting_by_depth(
    R: DepthMatrix, kind: Literal["first_last", "chaudhry", "max"] = "first_last"
) -> list[float | None]:
    """`forgetting` after 0 … L blocks, (L+1,); `R[i][j][k]` is the accuracy after k blocks."""
    if kind == "first_last":  # of the diagonal and the last row alone
        pairs = [(R[j][j], R[-1][j]) for j in range(len(R) - 1)]
        drops = [_drops(first, final) for first, final in pairs]
        if drops and None not in drops:
            return [mean(at_depth) for at_depth in zip(*drops, strict=True)]
    depths = max((len(curve) for row in R for curve in row if curve is not None), default=0)
    cut = [[[_cut(curve, k) for curve in row] for row in R] for k in range(depths)]
    return [forgetting(at_depth, kind) for at_depth in cut]


def _drops(first: Curve | None, final: Curve | None) -> list[float | None] | None:
    """What each depth lost; None where one of the curves was not measured."""
    if first is None or final is None or not len(first) or not len(final):
        return None
    pairs = zip(first, final, strict=True)
    return [None if a is None or b is None else a - b for a, b in pairs]


def _cut(curve: Curve | None, k: int) -> float | None:
    """The accuracy after k blocks."""
    return None if curve is None or not len(curve) else curve[k]


def _drop(earlier: Sequence[float | None], now: float | None) -> float | None:
    try:  # most have no gap
        gap = isnan(sum(earlier) + now)  # type: ignore[arg-type, operator]
    except TypeError:
        if now is None or any(v is None for v in earlier):
            return None
        raise
    return None if gap else max(earlier) - now  # type: ignore[type-var, operator]


def backward_transfer(R: Matrix, kind: Literal["gem", "diaz_rodriguez"] = "gem") -> float | None:
    """Mean gain on an experience since it was learned, over j and later rows.

    `gem`: R[T-1][j] - R[j][j] over j < T-1 (Lopez-Paz & Ranzato 2017): -forgetting, first_last.
    `diaz_rodriguez`: R[i][j] - R[j][j] over every j < i (Díaz-Rodríguez et al. 2018).
    """
    T = len(R)
    cells = {
        "gem": [(T - 1, j) for j in range(T - 1)],
        "diaz_rodriguez": _below_diagonal(T),
    }
    return mean([_minus(R[i][j], R[j][j]) for i, j in _of_kind(kind, cells, "backward transfer")])


def forward_transfer(
    R: Matrix,
    initial: Sequence[float | None] | None = None,
    kind: Literal["gem", "no_initial", "diaz_rodriguez"] = "gem",
) -> float | None:
    """Mean accuracy on experiences before they are learned.

    `gem`: R[j-1][j] - initial[j] over j ≥ 1 (Lopez-Paz & Ranzato 2017).
    `no_initial`: R[j-1][j] over j ≥ 1.
    `diaz_rodriguez`: R[i][j] over every i < j (Díaz-Rodríguez et al. 2018).

    `initial[j]` is the accuracy on experience j before any training; only `gem` needs it. Task-incremental
    (multi-head), the head of a later experience is untrained, so nothing can transfer: `initial` and the cells
    above the diagonal are `None`, and so is this metric.
    """
    T = len(R)
    next_one = [(j - 1, j) for j in range(1, T)]
    cells = {
        "gem": next_one,
        "no_initial": next_one,
        "diaz_rodriguez": _above_diagonal(T),
    }
    chosen = _of_kind(kind, cells, "forward transfer")
    if kind == "gem":
        if initial is None or not len(initial):
            return None
        return mean([_minus(R[i][j], initial[j]) for i, j in chosen])
    return mean([R[i][j] for i, j in chosen])


def intransigence(
    R: Matrix, joint: Sequence[float | None], kind: Literal["last", "mean"] = "last"
) -> float | None:
    """The accuracy of joint training on an experience minus the learner's just after learning it.

    `joint[j]` is the accuracy on experience j of a network trained on all experiences at once.
    `last`: joint[T-1] - R[T-1][T-1] (Chaudhry et al. 2018, section 3.3, after the last experience).
    `mean`: joint[j] - R[j][j] over every j; the publication trains one joint network per j instead.
    """
    T = len(R)
    experiences = _of_kind(
        kind, {"last": list(range(T))[-1:], "mean": list(range(T))}, "intransigence"
    )
    return mean([_minus(joint[j], R[j][j]) for j in experiences])


def _of_kind(kind: str, kinds: dict[str, Item], metric: str) -> Item:
    if kind not in kinds:
        raise ValueError(f"unknown kind of {metric} {shorten(kind)}; known: {', '.join(kinds)}")
    return kinds[kind]


@lru_cache(8)
def _below_diagonal(T: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(T) for j in range(i)]


@lru_cache(8)
def _above_diagonal(T: int) -> list[tuple[int, int]]:
    return [(i, j) for j in range(T) for i in range(j)]


def _minus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


# ---------------------------------------------------------------- depth


def utilised_depth(depth_accuracy: Curve, tolerance: float = 0.01) -> int:
    """The smallest k with accuracy[k] ≥ accuracy[L] - tolerance (ACN paper, appendix E: the cut-off layer).

    Raises ValueError for a tolerance below 0, which no depth would meet, and for a curve with a gap or without
    depths.
    """
    if not tolerance >= 0:
        raise ValueError(f"tolerance must be at least 0, not {tolerance}")
    _refuse_gaps("depth_accuracy", depth_accuracy)
    full = depth_accuracy[-1]
    return next(k for k, a in enumerate(depth_accuracy) if a >= full - tolerance - ROUNDING)


def _refuse_gaps(name: str, values: Sequence[float]) -> None:
    """Raise ValueError where there are no values, or where one was not measured."""
    if not len(values):
        raise ValueError(f"{name} is empty: it holds a value for each depth, 0 … L")
    gap = next((k for k, value in enumerate(values) if not _measured(value)), None)
    if gap is not None:
        raise ValueError(f"{name}[{gap}] was not measured: it is {values[gap]}")


def changes(correct: Sequence[Sequence[int]]) -> list[list[int]]:
    """Correct or not, (L+1, N) of 0 and 1 -> how many examples each depth [loses, gains] against depth L.

    Lost: correct after L blocks and wrong after k. Gained: the reverse. Raises ValueError where there are no depths.
    """
    if not len(correct):
        raise ValueError("correct is empty: it holds a row for each depth, 0 … L")
    full = [bool(c) for c in correct[-1]]
    counts = []
    for row in correct:
        pairs = [(bool(c), f) for c, f in zip(row, full, strict=True)]
        counts.append([pairs.count((False, True)), pairs.count((True, False))])
    return counts


def sufficient_depth(
    correct: Sequence[Sequence[int]], epsilon: float = 0.01, confidence: float = 0.95
) -> int:
    """The smallest k for which a test shows that it loses less than epsilon of accuracy against depth L.

    `correct[k][n]` is 1 where example n is correct after k blocks, else 0; the examples must not have been
    trained on. Module `noninferiority` has the test. It runs from depth L-1 downwards until one fails, each at
    the full confidence: in a fixed sequence the probability to pass any depth that loses epsilon or more stays
    below 1 - confidence (Maurer, Hothorn & Lehmacher 1995). Returns L where no test passes; at the defaults
    that is always so with 360 examples or fewer.

    Raises ValueError for an invalid epsilon or confidence, and where there are no depths.
    """
    return sufficient_depth_of_changes(changes(correct), len(correct[-1]), epsilon, confidence)


def sufficient_depth_of_changes(
    lost_and_gained: Sequence[Sequence[int]],
    count: int,
    epsilon: float = 0.01,
    confidence: float = 0.95,
) -> int:
    """`sufficient_depth` from the result of `changes` over `count` examples, (L+1, 2)."""
    depth = len(lost_and_gained) - 1
    while depth > 0:
        lost, gained = lost_and_gained[depth - 1]
        if not noninferiority.shown(lost, gained, count, epsilon, confidence):
            break
        depth -= 1
    return depth


def flops_saved(
    exit_depths: Sequence[int], flops: Mapping[int, int] | Sequence[int], full: int | None = None
) -> float:
    """Share of the FLOPs of full depth that early exit saves (ACN paper, Table 7).

    Args:
        exit_depths: the number of blocks that each example used.
        flops: `flops[k]`, of one example that exits after k blocks.
        full: of one example through the whole network without early exits; default: the last of `flops`.

    A share s is a speed-up of 1 / (1 - s). Below 0, the exits cost more than they save. Raises ValueError
    where there are no examples, LookupError for a depth that is not in `flops`.
    """
    used = [index(depth) for depth in exit_depths]  # of tensors, too: each has a hash of its own
    if not used:
        raise ValueError("exit_depths is empty: there are no examples")
    depths = flops.keys() if isinstance(flops, Mapping) else range(len(flops))
    unknown = set(used) - set(depths)
    if unknown:
        raise LookupError(
            f"flops has no depth {min(unknown)}. Known: {', '.join(map(str, depths))}"
        )
    whole = flops[max(depths)] if full is None else full
    return float(1 - sum(flops[k] for k in used) / len(used) / whole)


def above_chance(accuracy: float, chance: float, count: int) -> bool:
    """Whether an accuracy over `count` examples lies two standard errors or more above chance.

    None does where chance is 1: there is one class to predict.
    """
    return chance < 1 and accuracy >= chance + 2 * sqrt(chance * (1 - chance) / count) - ROUNDING


# ---------------------------------------------------------------- corruptions


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
    severities = {corruption: len(curve) for corruption, curve in errors.items()}
    expected = {corruption: len(curve) for corruption, curve in reference.items()}
    if not severities or severities != expected:
        raise ValueError(
            f"errors and reference must be of the same corruptions and severities; severities of each:"
            f" {severities} and {expected}"
        )
    ratios = []
    for corruption, curve in errors.items():
        if not all(map(_measured, (*curve, *reference[corruption]))):
            raise ValueError(
                f"an error under {shorten(corruption)} was not measured: it is None or NaN"
            )
        divisor = sum(e - reference_clean for e in reference[corruption])
        if divisor <= 0:
            raise ValueError(
                f"the reference makes no more errors under {shorten(corruption)}: the ratio is undefined"
            )
        ratios.append(sum(e - clean for e in curve) / divisor)
    return sum(ratios) / len(ratios)
