"""Check measurements that were read from a file: T experiences, L blocks. Each function raises ValueError.

A record may come from another machine, or may have been edited or merged by hand. `place` is the field's path in
the record, for the message.
"""

from collections.abc import Sequence, Sized


def long(place: str, values: Sized, count: int) -> None:
    """`count` values."""
    if len(values) != count:
        raise ValueError(f"{place} has {len(values)} entries, not {count}")


def share(place: str, value: float) -> None:
    """A value in [0, 1]."""
    if not 0 <= value <= 1:
        raise ValueError(f"{place} is {value}: an accuracy must lie in [0, 1]")


def shares(place: str, values: Sequence[float], length: int) -> None:
    """Values in [0, 1], (length,)."""
    long(place, values, length)
    for k, value in enumerate(values):
        share(f"{place}[{k}]", value)


def count(place: str, values: Sequence[int], length: int) -> None:
    """Whole numbers above zero, (length,)."""
    long(place, values, length)
    for k, value in enumerate(values):
        if value < 1:
            raise ValueError(f"{place}[{k}] is {value}: it must be at least 1")


def matrix(place: str, R: Sequence[Sequence[float | None]], T: int) -> None:
    """Shares (T, T), null where nothing was measured; the last row has no null."""
    long(place, R, T)
    for i, row in enumerate(R):
        long(f"{place}[{i}]", row, T)
        for j, value in enumerate(row):
            if value is not None:
                share(f"{place}[{i}][{j}]", value)
            elif i == T - 1:
                raise ValueError(f"{place}[{i}][{j}] is null: the last row must be complete")


def curves(
    place: str,
    D: Sequence[Sequence[Sequence[float] | None]],
    R: Sequence[Sequence[float | None]],
    depths: int,
) -> None:
    """Shares (T, T, L+1), null exactly where `R`, a checked matrix, is null; `depths` is L+1."""
    long(place, D, len(R))
    for i, row in enumerate(D):
        long(f"{place}[{i}]", row, len(R))
        for j, curve in enumerate(row):
            here = f"{place}[{i}][{j}]"
            if (curve is None) != (R[i][j] is None):
                raise ValueError(f"{here} and the accuracy there: one is null, the other is not")
            if curve is None:
                continue
            shares(here, curve, depths)
