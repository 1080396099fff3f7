"""One panel: marks in the units of the data, on a horizontal and a vertical scale.

Marks are collected first and drawn once the scales are known, so that panels can share them.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

from acn_bench.reports.figures import svg
from acn_bench.reports.figures.scales import Axis, Frame, Limits, Values, clipped, within
from acn_bench.reports.figures.style import QUIET
from acn_bench.reports.figures.svg import Anchor, units
from acn_bench.reports.figures.ticks import Tick

_LABEL, _TITLE = units(7.5), units(8)  # sizes of words


Mark = Callable[[Frame], str]


class Axes:
    """A panel's marks; `svg` draws them into a rectangle."""

    def __init__(self, title: str = "") -> None:
        """`title` stands above the panel."""
        self.title = title
        self.x, self.y = Axis(), Axis()
        self.corners = ("", "")  # smaller words above the panel, at its left and at its right end
        self.back: list[Mark] = []  # behind all others
        self.marks: list[Mark] = []

    def add(self, mark: Mark, x: Values = (), y: Values = (), *, behind: bool = False) -> None:
        """Draw `mark` after those before it; the scales reach to `x` and `y`."""
        self.x.spans(x)
        self.y.spans(y)
        (self.back if behind else self.marks).append(mark)

    # ------------------------------------------------------------ marks

    def line(
        self,
        x: Values,
        y: Values,
        colour: str,
        width: float,
        dash: Sequence[float] = (),
        opacity: float | None = None,
    ) -> None:
        """A line through points; `dash` in widths of the line."""
        self.lines([list(zip(x, y, strict=True))], colour, width, dash, opacity)

    def lines(
        self,
        lines: Sequence[Sequence[tuple[float, float]]],
        colour: str,
        width: float,
        dash: Sequence[float] = (),
        opacity: float | None = None,
    ) -> None:
        """Several lines of one look: one element of the drawing."""

        def mark(frame: Frame) -> str:
            d = "".join(svg.polyline(frame.points(one)) for one in lines)
            dashes = " ".join(str(units(width * part)) for part in dash) or None
            return svg.path(
                d, fill="none", stroke=colour, stroke_width=units(width), stroke_dasharray=dashes, opacity=opacity
            )  # fmt: skip

        self.add(mark, [a for one in lines for a, _ in one], [b for one in lines for _, b in one])

    def band(self, x: Values, low: Values, high: Values, colour: str) -> None:
        """The area between two lines, as far as it lies in the panel."""

        def mark(frame: Frame) -> str:
            there, back = clipped(x, high, frame.y_limits), clipped(x, low, frame.y_limits)
            d = svg.polyline(frame.points((*there, *back[::-1])))
            return svg.path(f"{d}z" if d else "", fill=colour, fill_opacity=0.16)

        self.add(mark, x, [*low, *high], behind=True)

    def markers(
        self,
        x: Values,
        y: Values,
        shape: str,
        colour: str,
        size: float,
        *,
        fill: str | None = None,
        edge: str = "white",
        edge_width: float = 0.5,
        opacity: float | None = None,
    ) -> None:
        """A marker at each point; `size` in points. `fill` is `colour` by default."""

        def mark(frame: Frame) -> str:
            places = dict.fromkeys(frame.points(zip(x, y, strict=True)))
            d = "".join(svg.marker(shape, a, b, units(size)) for a, b in places)
            line = {"stroke": edge, "stroke_width": units(edge_width)} if edge_width else {}
            offset = svg.marker_offset(shape, units(size))
            return svg.path(d, fill=fill or colour, **line, opacity=opacity, data_m=offset)

        self.add(mark, x, y)

    def markers_above(
        self, x: Values, shares: Values, shape: str, colour: str, size: float
    ) -> None:
        """Markers at shares of the panel's height above its lower edge."""

        def mark(frame: Frame) -> str:
            heights = [frame.bottom - round(share * frame.height) for share in shares]
            places = zip(map(frame.x, x), heights, strict=True)
            d = "".join(svg.marker(shape, a, b, units(size)) for a, b in places)
            return svg.path(d, fill=colour, stroke="white", stroke_width=5)

        self.add(mark, x)

    def span_above(self, ends: Limits, share: float, colour: str, width: float) -> None:
        """A line between two places of the scale, at a share of the panel's height; cut where the panel ends."""

        def mark(frame: Frame) -> str:
            low, high = (min(max(frame.x(x), frame.left), frame.right) for x in ends)
            y = frame.bottom - round(share * frame.height)
            return svg.path(
                f"M{low} {y}H{high}", stroke=colour, stroke_width=units(width), fill="none"
            )

        self.add(mark)

    def level(
        self, y: float, colour: str, width: float, dash: Sequence[float] = (), *, seen: bool = False
    ) -> None:
        """A line across the panel; the scale reaches to it where it has to be `seen`."""

        def mark(frame: Frame) -> str:
            low, high = sorted(frame.y_limits)
            dashes = " ".join(str(units(part)) for part in dash) or None
            return svg.path(
                f"M{frame.left} {frame.y(y)}h{frame.width}" if low <= y <= high else "",
                fill="none", stroke=colour, stroke_width=units(width), stroke_dasharray=dashes,
            )  # fmt: skip

        self.add(mark, (), [y] if seen else (), behind=True)

    def uprights(self, xs: Values, colour: str, width: float) -> None:
        """Lines from the bottom to the top."""

        def mark(frame: Frame) -> str:
            d = "".join(f"M{frame.x(x)} {frame.top}v{frame.height}" for x in xs)
            return svg.path(d, fill="none", stroke=colour, stroke_width=units(width))

        self.add(mark, behind=True)

    def words(
        self,
        x: float,
        y: float,
        words: str,
        colour: str,
        size: float = 7.5,
        anchor: Anchor = "middle",
    ) -> None:
        """Words whose middle lies at a height."""

        def mark(frame: Frame) -> str:
            at, down = frame.x(x), frame.y(y) + 0.35 * units(size)
            return svg.text(at, down, words, font_size=units(size), fill=colour, text_anchor=anchor)

        self.add(mark)

    def cells(self, rows: Sequence[Sequence[str]], x: Limits, y: Limits, *, parted: bool) -> None:
        """A grid of colours over a rectangle of the data, the first row at y[0]; "" is an empty cell.

        White lines part the cells where asked; else they are one small picture.
        """

        def mark(frame: Frame) -> str:
            left, top, right, bottom = frame.x(x[0]), frame.y(y[0]), frame.x(x[1]), frame.y(y[1])
            draw = svg.tiles if parted else svg.image
            return draw(left, top, right - left, bottom - top, rows)

        self.add(mark, x, y)

    def bare(self) -> None:
        """Leave nothing but words in the panel: no axis, no label."""
        self.x.ticks = self.y.ticks = ()
        self.x.lined = self.y.lined = False
        self.x.label, self.corners = "", ("", "")

    # ------------------------------------------------------------ the panel

    @property
    def tick_width(self) -> float:
        """How much room the words of the vertical ticks need."""
        if not self.y.shown:
            return 0.0
        words = (svg.text_width(w, _LABEL) for _, t in self.y.all_ticks for w in t.split("\n"))
        return max(words, default=0.0)

    def title_lines(self, width: int) -> list[str]:
        """The title in lines that the panel has room for, or the line of its corners."""
        return svg.wrapped(self.title, _TITLE, width, bold=True) or [""] * any(self.corners)

    def svg(self, left: int, top: int, width: int, height: int) -> str:
        """The panel, with its title above and its labels around the rectangle."""
        frame = Frame(left, top, width, height, self.x.limits, self.y.limits)
        marks = "".join(mark(frame) for mark in (*self.back, *self.marks))
        ticks = tuple(self.x.all_ticks), tuple(self.y.all_ticks)
        scales = _scales(frame, *ticks, self.x.lined, self.y.lined, self.y.shown)
        drawn = f"{marks}{scales}{self._labels(frame)}"
        return svg.group(drawn, data_p=self._place(frame)) if self.x.lined else drawn

    def _place(self, frame: Frame) -> str:
        """The rectangle and the limits of its scales, for the page's script: it shows values of points."""
        limits = (*frame.x_limits, *(() if self.y.ticks is not None else frame.y_limits))
        corners = (frame.left, frame.top, frame.width, frame.height)
        return " ".join([*map(str, corners), *(f"{limit:.5g}" for limit in limits)])

    def _labels(self, frame: Frame) -> str:
        lines = self.title_lines(frame.width)[::-1]
        words = "".join(
            svg.text(frame.left, frame.top - 60 - 95 * k, line, font_weight="bold")
            for k, line in enumerate(lines)
        )
        for corner, x, anchor in zip(
            self.corners, (frame.left, frame.right), ("start", "end"), strict=True
        ):
            if corner:
                at = frame.top - 60
                words += svg.text(x, at, corner, fill=QUIET, font_size=_LABEL, text_anchor=anchor)
        if self.x.label:
            label = svg.fitted(self.x.label, _TITLE, 1.25 * frame.width)
            middle, down = frame.left + frame.width / 2, frame.bottom + 230
            words += svg.text(middle, down, label, text_anchor="middle")
        return svg.group(words, font_size=_TITLE)


@lru_cache(256)  # groups share their scales: those of a thousand panels are a few
def _scales(
    frame: Frame,
    x_ticks: tuple[Tick, ...],
    y_ticks: tuple[Tick, ...],
    x_lined: bool,
    y_lined: bool,
    y_shown: bool,
) -> str:
    """Both axes with their ticks, and the words at these."""
    d, across, beside = "", "", ""
    if x_lined:
        d += f"M{frame.left} {frame.bottom}h{frame.width}"
    if y_lined:
        d += f"M{frame.left} {frame.top}v{frame.height}"
    for value, words in within(x_ticks, frame.x_limits):
        d += f"M{frame.x(value)} {frame.bottom}v30" if x_lined else ""
        across += svg.text(frame.x(value), frame.bottom + 115, words)
    for value, words in within(y_ticks, frame.y_limits):
        d += f"M{frame.left} {frame.y(value)}h-30" if y_lined else ""
        beside += _lines(frame.left - 50, frame.y(value), words) if y_shown else ""
    return (
        svg.path(d, fill="none", stroke=QUIET, stroke_width=7)
        + svg.group(across, text_anchor="middle")
        + svg.group(beside, text_anchor="end")
    )


def _lines(x: int, y: int, words: str) -> str:
    """Words in lines, their middle at a height."""
    lines = words.split("\n")
    top = y + 26 - 45 * (len(lines) - 1)
    return "".join(svg.text(x, top + 90 * k, line) for k, line in enumerate(lines))
