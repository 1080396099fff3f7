"""Shapes and words as SVG text, small and the same bytes for the same numbers.

A report of 1,000 runs has 2,500 panels, within 5 s and 10 MB. matplotlib takes at least 15 ms and 7 KB for one, its
axes drawn again and nothing laid out by it, so the few shapes that reports need are written here. Coordinates are
whole tenths of a point.
"""

import base64
import struct
import zlib
from collections.abc import Sequence
from functools import cache, lru_cache
from html import escape
from itertools import pairwise
from typing import Literal

from acn_bench.printable import one_line

FONTS = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
INK = "#1f2430"
TENTHS = 10  # units of a point
Anchor = Literal["start", "middle", "end"]
Point = tuple[int, int]
Cells = Sequence[Sequence[str]]  # rows of colours; empty where there is none

# widths in Helvetica, in sizes of the font; others are as wide as a lower-case letter
_WIDTHS = dict.fromkeys("iljtfrI.,:;|!'()[]/ ·", 0.31) | dict.fromkeys("mwMW%@→←", 0.87)
_WIDTHS |= dict.fromkeys("ABCDEFGHJKLNOPQRSTUVXYZ&", 0.7)


def units(points: float) -> int:
    """Points, 1/72 inch, in the units of a drawing."""
    return round(TENTHS * points)


def drawing(width: int, height: int, share: int, body: str) -> str:
    """An `<svg>` of that size; `share` is its part of the page's width, in %."""
    return (
        f'<svg style="width: {share}%;" viewBox="0 0 {width} {height}" font-family="{FONTS}" font-size="75" '
        f'fill="{INK}" stroke-linejoin="round">{body}</svg>'
    )


def path(d: str, **attributes: object) -> str:
    """A path, or nothing where there is nothing to draw; `stroke_width=4` gives stroke-width="4"."""
    return f'<path d="{d}"{_attributes(attributes)}/>' if d else ""


def group(body: str, **attributes: object) -> str:
    """Shapes that share attributes."""
    return f"<g{_attributes(attributes)}>{body}</g>" if body else ""


def text(x: float, y: float, words: str, **attributes: object) -> str:
    """Words on a baseline, in one line without control characters."""
    return f'<text x="{round(x)}" y="{round(y)}"{_attributes(attributes)}>{_shown(words)}</text>'


@lru_cache(4096)  # the words of ticks stand in a thousand panels
def _shown(words: str) -> str:
    return escape(one_line(words), quote=False)


def image(left: int, top: int, width: int, height: int, cells: Cells) -> str:
    """A grid of colours, stretched over the rectangle without smoothing: a pixel a cell."""
    return placed(left, top, width, height, picture(cells))


def picture(cells: Cells) -> str:
    """A grid of colours as the address of a picture, for `placed`: a pixel a cell."""
    return address(_png(cells))


def address(file: bytes) -> str:
    """A PNG file as the address of a picture, for `placed`."""
    return f"data:image/png;base64,{base64.b64encode(file).decode()}"


def placed(left: int, top: int, width: int, height: int, picture: str) -> str:
    """A picture, stretched over the rectangle without smoothing."""
    return (
        f'<image x="{left}" y="{top}" width="{width}" height="{height}" preserveAspectRatio="none" '
        f'image-rendering="pixelated" href="{picture}"/>'
    )


def tiles(left: int, top: int, width: int, height: int, cells: Cells) -> str:
    """A grid of colours, parted by white lines."""
    across = [round(left + width * k / len(cells[0])) for k in range(len(cells[0]) + 1)]
    down = [round(top + height * k / len(cells)) for k in range(len(cells) + 1)]
    drawn = ""
    for row, (y, below) in zip(cells, pairwise(down), strict=True):
        for colour, (x, right) in zip(row, pairwise(across), strict=True):
            d = f"M{x} {y}h{right - x}v{below - y}h{x - right}z".replace(" -", "-")
            drawn += path(d, fill=colour) if colour else ""
    return group(drawn, stroke="white", stroke_width=6)


def polyline(points: Sequence[Point]) -> str:
    """The `d` of a line through points: absolute at first, then relative."""
    if not points:
        return ""
    steps = [f"{c - a} {d - b}" for (a, b), (c, d) in pairwise(points)]
    line = f"l{' '.join(steps)}" if steps else ""
    return f"M{points[0][0]} {points[0][1]}{line}".replace(" -", "-")


def marker(shape: str, x: int, y: int, size: int) -> str:
    """The `d` of one marker; `size` is its width."""
    dx, dy, outline = _outline(shape, size // 2)
    return f"M{x + dx} {y + dy}{outline}"


@cache
def marker_offset(shape: str, size: int) -> str:
    """Where the `d` of a marker begins, from its middle."""
    dx, dy, _ = _outline(shape, size // 2)
    return f"{dx} {dy}"


@cache
def _outline(shape: str, r: int) -> tuple[int, int, str]:
    """Where a marker begins, from its middle, and the rest of its `d`; `r` is half its width."""
    wide, side = r * 4 // 3, 2 * r
    a = max(1, r * 2 // 5)  # half an arm of a plus
    plus = f"h{2 * a}v{r - a}h{r - a}v{2 * a}h-{r - a}v{r - a}h-{2 * a}v-{r - a}h-{r - a}v-{2 * a}h{r - a}z"
    outlines = {
        "o": (-r, 0, f"a{r} {r} 0 1 0 {side} 0a{r} {r} 0 1 0-{side} 0z"),
        "s": (-r, -r, f"h{side}v{side}h-{side}z"),
        "^": (0, -r, f"l{r} {side}h-{side}z"),
        "v": (0, r, f"l-{r}-{side}h{side}z"),
        "D": (0, -wide, f"l{wide} {wide}-{wide} {wide}-{wide}-{wide}z"),
        "|": (0, -r, f"v{side}"),
    }
    return outlines.get(shape, (-a, -r, plus))


@lru_cache(4096)  # a label stands in ten figures
def text_width(words: str, size: float, bold: bool = False) -> float:
    """About how wide words are, in the unit of `size`."""
    return (1.08 if bold else 1.0) * size * sum(_WIDTHS.get(letter, 0.56) for letter in words)


def fitted(words: str, size: float, width: float, bold: bool = False) -> str:
    """Words, with an ellipsis in place of their middle where they are wider than `width`."""
    if text_width(words, size, bold) <= width:
        return words
    left, start, end = width - text_width("…", size, bold), 0, len(words)
    while start < end:
        from_start = start <= len(words) - end
        left -= text_width(words[start if from_start else end - 1], size, bold)
        if left < 0:
            break
        start, end = start + from_start, end - (not from_start)
    return f"{words[:start]}…{words[end:]}"


def wrapped(words: str, size: float, width: float, bold: bool = False) -> list[str]:
    """Words in lines no wider than `width`, broken between the parts of a label; no line where there are none."""
    lines: list[str] = []
    for part in words.split(" · ") if words else ():
        joined = f"{lines[-1]} · {part}" if lines else part
        fits = lines and text_width(joined, size, bold) <= width
        lines = [*lines[:-1], joined] if fits else [*lines, part]
    return [fitted(line, size, width, bold) for line in lines]


def _attributes(attributes: dict[str, object]) -> str:
    return "".join(
        [f'{_named(name)}{value}"' for name, value in attributes.items() if value is not None]
    )


@cache
def _named(attribute: str) -> str:
    return f' {attribute.replace("_", "-")}="'


def _png(cells: Cells) -> bytes:
    """A picture with a pixel for each cell: red, green, blue, opacity."""
    raw = b"".join(b"\0" + b"".join(map(_pixel, row)) for row in cells)
    head = struct.pack(">IIBBBBB", len(cells[0]), len(cells), 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


@lru_cache(4096)  # a map of 400 cells has steps of one scale
def _pixel(colour: str) -> bytes:
    return bytes.fromhex(f"{colour[1:]}ff") if colour else bytes(4)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
