"""One colour, marker and dash per arm, and colours between two others.

Blue is AC and orange is residual in every figure (Okabe and Ito 2008: distinguishable for colour-blind
readers); circle and solid line, square and dashed line say the same in black and white.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from acn_bench.analysis.groups import PLUS, Group

WIDTH = 7.2 * 72  # points: the text width of a page
INK, QUIET, FAINT, THREAD = "#1f2430", "#5d6470", "#d9dce1", "#b6bcc6"


@dataclass(frozen=True)
class Look:
    """How an arm is drawn."""

    colour: str
    marker: str
    dash: tuple[float, ...] = ()  # in widths of the line; empty for a solid one


LOOKS: dict[str, Look] = {
    "ac": Look("#0072B2", "o"),
    "residual": Look("#D55E00", "s", (4, 1.6)),
    "feedforward": Look("#009E73", "^", (1.2, 1.2)),
    "densenet": Look("#CC79A7", "D", (5, 1.5, 1.2, 1.5)),
    "denseformer": Look("#8A6D00", "v", (2.5, 1.5)),
}
OTHER = Look("#6B7280", "P", (3, 1, 1, 1))
SCHEMES = {
    "aligned": (0.45, "D"),
    "layerskip": (-0.5, "^"),
    "layerdrop": (0.7, "v"),
    "branches": (-0.3, "X"),
}

GREYS = ("#f1f2f3", "#39424f")
DIVERGING = (  # orange: residual higher; blue: AC higher
    *("#9c4400", "#D55E00", "#f4c9a8", "#ffffff", "#a9cfe8", "#0072B2", "#00436b"),
)


@cache
def look(arm: str) -> Look:
    """The look of an arm; factories share one. A scheme is a lighter or darker shade, with a marker of its own."""
    wiring, plus, scheme = arm.partition(PLUS)
    base = LOOKS.get(wiring, OTHER)
    if not plus:
        return base
    shade, marker = SCHEMES.get(scheme, (0.3, "P"))
    end = "#ffffff" if shade > 0 else "#000000"
    return Look(between((base.colour, end), abs(shade)), marker, base.dash)


def between(colours: Sequence[str], share: float) -> str:
    """The colour at a share of the way along a scale, 0 … 1."""
    place = min(max(share, 0.0), 1.0) * (len(colours) - 1)
    k = min(int(place), len(colours) - 2)
    ends = zip(channels(colours[k]), channels(colours[k + 1]), strict=True)
    return "#" + "".join(f"{round(a + (place - k) * (b - a)):02x}" for a, b in ends)


def channels(colour: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 … 255."""
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


def shades(colour: str, count: int) -> list[str]:
    """From light to dark; the lightest can still be seen."""
    return [between((GREYS[0], colour), (k + 1) / count) for k in range(count)]


def columns_for(count: int) -> int:
    """How many panels stand side by side."""
    return {1: 1, 2: 2, 4: 2}.get(count, 3)


def chunks(groups: Sequence[Group], size: int) -> Iterator[Sequence[Group]]:
    """Groups in runs of at most `size`, as even as can be: what fits one SVG on one page."""
    parts = -(-len(groups) // size)
    step = -(-len(groups) // parts) if parts else 1
    for start in range(0, len(groups), step):
        yield groups[start : start + step]
