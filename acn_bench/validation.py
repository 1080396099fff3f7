"""Check measurements that were read from a file: T experiences, L blocks. Each function raises ValueError.

A record may come from another machine, or may have been edited or merged by hand. `place` is the field's path in
the record, for the message.
"""

from collections.abc import Sequence, Sized
from functools import lru_cache
from itertools import chain
from math import isfinite

from acn_bench.errors import shorten

MOST = 2**63 - 1  # of anything that is counted
MANY = 2**17  # examples: the quotients of more would take too much memory
ROUNDING = 1e-6  # of a count: an accuracy is a quotient of two whole numbers


def long(place: str, values: Sized, count: int) -> None:
    """`count` values."""
    if len(values) != count:
        raise ValueError(f"{place} has {len(values)} entries, not {count}")


def at_least(place: str, value: float, least: int) -> None:
    """A value from `least` to `MOST`."""
    if value < least:
        raise ValueError(f"{place} is {shorten(value)}: it must be at least {least}")
    if value > MOST:
        raise ValueError(f"{place} is {shorten(value)}: nothing is so many")


def count(place: str, values: Sequence[int], length: int, least: int = 1) -> None:
    """Whole numbers from `least`, (length,)."""
    long(place, values, length)
    for k, value in enumerate(values):
        if not least <= value <= MOST:  # a record has hundreds: no words for those that are right
            at_least(f"{place}[{k}]", value, least)


def not_negative(place: str, values: Sequence[float], length: int) -> None:
    """Finite numbers of 0 or more, (length,)."""
    long(place, values, length)
    wrong = next((v for v in values if not (isfinite(v) and v >= 0)), None)
    if wrong is not None:
        raise ValueError(f"{place} holds {wrong}: it must be finite, 0 or more")


def same(place: str, value: object, expected: object) -> None:
    """The value that the config has."""
    if value != expected:
        raise ValueError(f"{place} is {shorten(value)}, and the config has {shorten(expected)}")


def share(place: str, value: float, of: int | None = None) -> None:
    """A value in [0, 1]; with `of`, the share that a whole number of `of` examples is."""
    if not 0 <= value <= 1:
        raise ValueError(f"{place} is {value}: an accuracy must lie in [0, 1]")
    if of is not None and not _is_of(value, of):
        raise ValueError(f"{place} is {value}: no whole number of {of:,} examples is that share")


def shares(place: str, values: Sequence[float], length: int, of: int | None = None) -> None:
    """Shares (length,), as `share`."""
    long(place, values, length)
    if of is not None and of <= MANY and _quotients(of).issuperset(values):
        return  # a record has ten thousand
    for k, value in enumerate(values):
        share(f"{place}[{k}]", value, of)


def most_frequent(place: str, value: float | None, classes: int) -> None:
    """The share of the most frequent of so many classes: at least an equal part; None where it was not measured."""
    if value is not None and not 1 / classes - ROUNDING <= value <= 1:
        raise ValueError(
            f"{place} is {value}: of {classes} classes one has {1 / classes:.3g} or more"
        )


@lru_cache(maxsize=32)
def _quotients(count: int, *, null: bool = False) -> frozenset[float | None]:
    shares = frozenset(n / count for n in range(count + 1))
    return shares | {None} if null else shares


def _is_of(value: float, count: int) -> bool:
    return abs(value * count - round(value * count)) <= ROUNDING


def changes(place: str, values: Sequence[Sequence[int]], right: Sequence[int]) -> None:
    """How many examples each depth [loses, gains] against full depth, (L+1, 2), where it has `right` ones, (L+1,)."""
    long(place, values, len(right))
    for k, pair in enumerate(values):
        here = f"{place}[{k}]"
        long(here, pair, 2)
        lost, gained = pair
        at_least(f"{here}[0]", lost, 0)
        at_least(f"{here}[1]", gained, 0)
        if right[-1] - lost + gained != right[k]:
            raise ValueError(
                f"{here} is {shorten(pair)}: depth {k} has {right[k]:,} examples right, and full depth {right[-1]:,}"
            )


def matrix(
    place: str, R: Sequence[Sequence[float | None]], T: int, of: Sequence[int] | None = None
) -> None:
    """Shares (T, T) of the examples `of` each column, (T,); null where nothing was measured, never in the last row."""
    long(place, R, T)
    if of and _are_shares(R, T, of):
        return
    for i, row in enumerate(R):
        long(f"{place}[{i}]", row, T)
        for j, value in enumerate(row):
            if value is not None:
                share(f"{place}[{i}][{j}]", value, of[j] if of else None)
            elif i == T - 1:
                raise ValueError(f"{place}[{i}][{j}] is null: the last row must be complete")


def curves(
    place: str,
    D: Sequence[Sequence[Sequence[float] | None]],
    R: Sequence[Sequence[float | None]],
    depths: int,
    of: Sequence[int],
) -> None:
    """Shares (T, T, L+1) of the examples `of` each column, (T,); `depths` is L+1.

    The last of each curve is the value of `R`, a checked matrix, and null exactly where that is.
    """
    long(place, D, len(R))
    if _are_curves(D, R, depths, of):
        return
    for i, row in enumerate(D):
        long(f"{place}[{i}]", row, len(R))
        for j, curve in enumerate(row):
            here = f"{place}[{i}][{j}]"
            if (curve is None) != (R[i][j] is None):
                raise ValueError(f"{here} and the accuracy there: one is null, the other is not")
            if curve is None:
                continue
            shares(here, curve, depths, of[j])
            if curve[-1] != R[i][j]:
                raise ValueError(f"{here} ends with {curve[-1]}, and the accuracy is {R[i][j]}")


def _are_shares(R: Sequence[Sequence[float | None]], T: int, of: Sequence[int]) -> bool:
    """Whether a matrix is right, in few passes: a record has ten. False does not say that it is wrong."""
    if len(set(of)) > 1 or of[0] > MANY or {*map(len, R)} != {T}:
        return False
    *earlier, last = R
    measured = [row for row in earlier if row.count(None) < T]  # where noise came last: none
    nullable = _quotients(of[0], null=True)
    return nullable.issuperset(chain(*measured)) and _quotients(of[0]).issuperset(last)


def _are_curves(
    D: Sequence[Sequence[Sequence[float] | None]],
    R: Sequence[Sequence[float | None]],
    depths: int,
    of: Sequence[int],
) -> bool:
    """Whether all curves are right, in few passes: a record has hundreds. False does not say that one is wrong."""
    if not of or len(set(of)) > 1 or of[0] > MANY or {*map(len, D)} != {len(R)}:
        return False
    cells = [curve for row in D for curve in row]
    if [curve and curve[-1] for curve in cells] != [value for row in R for value in row]:
        return False
    measured = [curve for curve in cells if curve]
    return {*map(len, measured)} == {depths} and _quotients(of[0]).issuperset(chain(*measured))
