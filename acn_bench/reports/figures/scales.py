"""A panel's scales: from the data to the drawing, and what stands at the ticks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from math import isfinite

from acn_bench.reports.figures.ticks import Tick, padded, ticks

Values = Sequence[float]
Limits = tuple[float, float]

MARGIN = 0.05  # of the data's range, on either side


@dataclass(frozen=True)
class Frame:
    """Where a panel lies, in units of the drawing, and the limits of its scales."""

    left: int
    top: int
    width: int
    height: int
    x_limits: Limits
    y_limits: Limits  # at the lower and at the upper edge

    def x(self, value: float) -> int:
        """From the data to the drawing."""
        return round(self.left + self._across * (value - self.x_limits[0]))

    def y(self, value: float) -> int:
        """From the data to the drawing."""
        return round(self.top + self._down * (self.y_limits[1] - value))

    def points(self, points: Iterable[tuple[float, float]]) -> list[tuple[int, int]]:
        """`x` and `y` of many points: a report has a hundred thousand."""
        left, across, start = self.left, self._across, self.x_limits[0]
        top, down, end = self.top, self._down, self.y_limits[1]
        return [
            (round(left + across * (a - start)), round(top + down * (end - b))) for a, b in points
        ]

    @cached_property
    def _across(self) -> float:
        return self.width / (self.x_limits[1] - self.x_limits[0])

    @cached_property
    def _down(self) -> float:
        return self.height / (self.y_limits[1] - self.y_limits[0])

    @property
    def right(self) -> int:
        """The right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """The lower edge."""
        return self.top + self.height


@dataclass
class Axis:
    """One scale: what it shows, and how it is labelled."""

    values: list[float] = field(default_factory=list)  # the ends of all that is drawn
    low: float | None = None  # set limits; None: where the data ends
    high: float | None = None
    margin: float = MARGIN
    label: str = ""
    ticks: Sequence[Tick] | None = None  # None: at round numbers
    most: int = 5  # ticks at round numbers
    whole: bool = False  # at whole numbers alone
    shown: bool = True  # the ticks' words
    lined: bool = True  # the axis's line and its ticks

    def spans(self, values: Values) -> None:
        """Extend the data's range."""
        if values:
            self.values += (min(values), max(values))

    @property
    def limits(self) -> Limits:
        """The set limits, else those of the data with a margin."""
        low, high = padded(self.values, self.margin)
        low = low if self.low is None else self.low
        high = high if self.high is None else self.high
        return (low, high) if high != low else (low - 0.5, high + 0.5)

    @property
    def all_ticks(self) -> Sequence[Tick]:
        """Every tick within the limits."""
        return ticks(*self.limits, self.most, self.whole) if self.ticks is None else self.ticks


def within(ticks: Iterable[Tick], limits: Limits) -> list[Tick]:
    """The ticks between the limits, or on one of them."""
    low, high = sorted(limits)
    rounding = 1e-9 * (high - low)
    low, high = low - rounding, high + rounding
    return [tick for tick in ticks if isfinite(tick[0]) and low <= tick[0] <= high]


def clipped(x: Values, y: Values, limits: Limits) -> list[tuple[float, float]]:
    """The points of a line, with a point where it leaves the limits and its height there where it is outside."""
    low, high = sorted(limits)
    if low <= min(y, default=low) and max(y, default=high) <= high:
        return list(zip(x, y, strict=True))
    points: list[tuple[float, float]] = []
    for (a, b), (c, d) in pairwise(zip(x, y, strict=True)):
        crossed = [end for end in (low, high) if min(b, d) < end < max(b, d)]
        points.append((a, b))
        points += (
            (a + (c - a) * (end - b) / (d - b), end) for end in sorted(crossed, reverse=b > d)
        )
    points += list(zip(x, y, strict=True))[-1:]
    return [(a, min(max(b, low), high)) for a, b in points]
