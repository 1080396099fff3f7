"""Panels in rows, with one legend above them -> an SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from acn_bench.analysis.groups import arm_title
from acn_bench.reports.figures import svg
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.figures.scales import Limits
from acn_bench.reports.figures.style import WIDTH, between, look
from acn_bench.reports.figures.svg import units
from acn_bench.wording import number

_TITLE = units(8)  # size of words in legends and titles
_LINE = units(9.5)  # height of a line of a title
_GAP = units(11)  # between panels


@dataclass(frozen=True)
class Entry:
    """What a legend explains: a line, a marker or both."""

    words: str
    colour: str
    marker: str = ""
    dash: tuple[float, ...] | None = None  # None: no line
    fill: str = ""  # of the marker; empty: `colour`


@dataclass(frozen=True)
class Scale:
    """A scale of colours, and what its ends stand for."""

    words: str
    colours: Sequence[str]
    limits: Limits


def arm_entries(arms: Sequence[str], lines: bool = True) -> list[Entry]:
    """An entry for each arm."""
    looks = [(arm_title(arm), look(arm)) for arm in arms]
    return [Entry(t, a.colour, a.marker, a.dash if lines else None) for t, a in looks]


def grid(
    axes: Sequence[Axes],
    height: float,
    *,
    columns: int,
    legend: Sequence[Entry] = (),
    ylabel: str = "",
    share: bool = True,
    ratios: Sequence[float] = (),
    width: float = 0,
    scales: Sequence[Scale] = (),
) -> str:
    """Panels in rows of `columns`, their rectangles `height` points high; `share` gives all one vertical scale.

    A column's rectangles are as wide as its part of `ratios`, equal by default; or at most `width` points each.
    """
    if share:
        share_scales(axes)
        for k, panel in enumerate(axes):
            panel.y.shown = panel.y.shown and k % columns == 0
    total = units(WIDTH if columns > 1 else 0.62 * WIDTH)
    lefts = [_left(axes[k::columns], k == 0 and bool(ylabel)) for k in range(columns)]
    room = total - sum(lefts) - _GAP * (columns - 1) - units(4)
    parts = ratios or [1.0] * columns
    widths = [round(room * part / sum(parts)) for part in parts]
    if width:
        widths = [min(w, units(width)) for w in widths]
    body, top = _legend(legend, total)
    for start in range(0, len(axes), columns):
        row, left = axes[start : start + columns], 0
        top += _above(row, widths)
        for k, panel in enumerate(row):
            left += lefts[k]
            body += panel.svg(left, top, widths[k], units(height))
            left += widths[k] + _GAP
        body += _ylabel(ylabel, top, units(height))
        top += units(height) + units(27 if any(panel.x.label for panel in row) else 16)
    body += _scales(scales, top)
    top += units(22) if scales else 0
    return svg.drawing(total, top, round(100 * total / units(WIDTH)), body)


def share_scales(axes: Sequence[Axes]) -> None:
    """Give all panels the limits that hold every one's."""
    limits = [panel.y.limits for panel in axes]
    low, high = min(a for a, _ in limits), max(b for _, b in limits)
    for panel in axes:
        panel.y.low, panel.y.high = low, high


def _left(axes: Sequence[Axes], labelled: bool) -> int:
    """The room to the left of a column's rectangles: words of the ticks, and a label."""
    ticks = max((panel.tick_width for panel in axes), default=0.0)
    return round(ticks) + units((7 if ticks else 2) + (13 if labelled else 0))


def _above(row: Sequence[Axes], widths: Sequence[int]) -> int:
    """The room above a row: its titles."""
    lines = max(len(panel.title_lines(width)) for panel, width in zip(row, widths, strict=False))
    return _LINE * lines + units(7)


def _ylabel(words: str, top: int, height: int) -> str:
    """A label along the height of a row, at the left edge."""
    x, y = units(8), top + height // 2
    if not words:
        return ""
    label = svg.fitted(words, _TITLE, 1.3 * height)
    turned = f"rotate(-90 {x} {y})"
    return svg.text(x, y, label, font_size=_TITLE, text_anchor="middle", transform=turned)


def _legend(entries: Sequence[Entry], width: int) -> tuple[str, int]:
    """The legend from the left upper corner, in as many lines as it needs; and how high it is."""
    body, x, y = "", units(2), units(8)
    for entry in entries:
        sample = units(26 if entry.dash is not None else 10)
        words = svg.fitted(entry.words, _TITLE, width / 2 - sample)
        end = x + sample + units(4) + round(svg.text_width(words, _TITLE))
        if x > units(2) and end > width:
            x, end, y = units(2), units(2) + end - x, y + units(13)
        body += _sample(entry, x, y, sample)
        body += svg.text(x + sample + units(4), y + 28, words, font_size=_TITLE)
        x = end + units(16)
    return body, y + units(10) if entries else 0


def _sample(entry: Entry, x: int, y: int, width: int) -> str:
    line, middle = "", x + width // 2
    if entry.dash is not None:
        dashes = " ".join(str(units(1.6 * part)) for part in entry.dash) or None
        line = svg.path(
            f"M{x} {y}h{width}", stroke=entry.colour, stroke_width=units(1.6), stroke_dasharray=dashes
        )  # fmt: skip
    edge = entry.colour if entry.fill or entry.marker == "|" else "white"
    d = svg.marker(entry.marker, middle, y, units(5 if entry.marker != "|" else 9))
    thick = units(1.1 if edge == entry.colour else 0.5)
    dot = svg.path(d, fill=entry.fill or entry.colour, stroke=edge, stroke_width=thick)
    return line + (dot if entry.marker else "")


def _scales(scales: Sequence[Scale], top: int) -> str:
    """Scales of colours side by side below the panels."""
    body, x, bar = "", units(24), units(90)
    for scale in scales:
        low, high = (number(end, 0, sign=scale.limits[0] < 0) for end in scale.limits)
        body += svg.text(x, top + 125, low, text_anchor="end")
        picture = _bar(tuple(scale.colours))
        body += svg.placed(x + units(4), top + units(6), bar, units(7), picture)
        body += svg.text(x + bar + units(8), top + 125, f"{high}   {scale.words}")
        x += bar + units(170)
    return body


@cache
def _bar(colours: tuple[str, ...]) -> str:
    """A scale of colours as a picture, from its first to its last."""
    return svg.picture([[between(colours, k / 31) for k in range(32)]])


def from_zero(axes: Sequence[Axes]) -> None:
    """The common scale of panels from 0 on; a scale with values below 0 is left alone."""
    if min((v for panel in axes for v in panel.y.values), default=0.0) >= 0:
        for panel in axes:
            panel.y.low = 0.0
