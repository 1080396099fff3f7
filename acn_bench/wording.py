"""Numbers -> words: units, signs, and no more digits than the spread supports."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import floor, log10
from typing import Any

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"  # a value that does not exist


@dataclass(frozen=True)
class Unit:
    """How a number is shown: times `scale`, with `word` behind it; differences have a word of their own."""

    scale: float
    word: str
    difference: str
    decimals: int | None  # None: three significant digits


UNITS: dict[str, Unit] = {
    "%": Unit(100, "%", "points", 1),
    "points": Unit(100, "points", "points", 1),
    "blocks": Unit(1, "blocks", "blocks", 1),
    "s": Unit(1, "s", "s", None),
    "MiB": Unit(2**-20, "MiB", "MiB", None),
    "GFLOPs": Unit(1e-9, "GFLOPs", "GFLOPs", None),
    "M": Unit(1e-6, "M", "M", None),
    "epochs": Unit(1, "epochs", "epochs", 1),
    "images": Unit(1, "images", "images", 0),
    "images/s": Unit(1, "images/s", "images/s", None),
    "×": Unit(1, "×", "×", 2),
    "nats": Unit(1, "nats", "nats", 3),
    "score": Unit(1, "score", "score", 3),
    "tokens/s": Unit(1, "tokens/s", "tokens/s", 0),
}


COUNTED = (
    "M",
    "GFLOPs",
    "images",
)  # the same for all seeds: a spread of 0 is not shown


def decimals(unit: str, value: float, spread: float | None) -> int:
    """How many decimals `value` is shown with; both it and its spread are as measured, unscaled."""
    fixed, scale = UNITS[unit].decimals, UNITS[unit].scale
    size = abs(spread or 0.0) * scale
    if fixed is not None:
        return 0 if size >= 10 else fixed
    if not value:
        return 0
    digits = 3 - floor(log10(abs(value) * scale))  # four significant ones of the value at most
    if size > 0:  # two significant ones of the spread
        digits = min(digits, 1 - floor(log10(size)))
    else:
        digits -= 1
    return min(max(0, digits), 4)


def number(value: float, places: int, sign: bool = False) -> str:
    """`-1.26` as "−1.3", with commas between thousands; a value that rounds to zero has no sign."""
    rounded = round(value, places) + 0.0  # -0.0 + 0.0 is 0.0
    text = f"{rounded:+,.{places}f}" if sign and rounded else f"{rounded:,.{places}f}"
    return text.replace("-", MINUS)


def shown(unit: str, value: float | None, spread: float | None = None) -> str:
    """A value without its unit's word: "46.6 ± 2.2"; an en dash where there is none."""
    if value is None:
        return NONE
    places = decimals(unit, value, spread)
    text = number(value * UNITS[unit].scale, places)
    if spread is None or (spread == 0 and unit in COUNTED):
        return text
    return f"{text} ± {number(spread * UNITS[unit].scale, places)}"


def change(unit: str, value: float, interval: tuple[float, float] | None = None) -> str:
    """A difference with its sign, without its unit: "−6.2"; as exact as its interval allows."""
    half = None if interval is None else (interval[1] - interval[0]) / 2
    return number(value * UNITS[unit].scale, decimals(unit, value, half), sign=True)


def bracket(unit: str, value: float, interval: tuple[float, float] | None) -> str:
    """The interval of a difference: "[−9.0, −3.3]"; an en dash where there is none."""
    if interval is None:
        return NONE
    scale = UNITS[unit].scale
    places = decimals(unit, value, (interval[1] - interval[0]) / 2)
    if any(v and not round(v * scale, places) for v in interval):
        places += (
            1  # on which side of zero an end lies decides a verdict: rounding must not hide it
        )
    low, high = (number(v * scale, places, sign=True) for v in interval)
    return f"[{low}, {high}]"


def plural(count: int, noun: str) -> str:
    """`1, "seed"` as "1 seed"; `3, "seed"` as "3 seeds"."""
    return f"{count:,} {noun if count == 1 else noun + 's'}"


def listed(words: list[str]) -> str:
    """Words as in a sentence: "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def key(name: str) -> str:
    """A setting's name as a word: "batch size"."""
    return name.replace("_", " ")


def setting(value: Any) -> str:
    """A setting's value: "yes", "0.001", "0, 1, 2"; "none" for null."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def instead(name: str, value: Any, expected: Any) -> str:
    """A setting that differs: "batch size: 32 instead of 64"."""
    return f"{key(name)}: {setting(value)} instead of {setting(expected)}"


def each(sentences: Iterable[str]) -> str:
    """Each distinct sentence once, in order: "this; or that"."""
    return "; or ".join(dict.fromkeys(sentences))


def augmented(crop_padding: int, flip: bool) -> str:
    """The augmentation of training images, in words."""
    steps = [f"random crop ({crop_padding} px)"] if crop_padding else []
    steps += ["horizontal flip"] if flip else []
    return listed(steps) or "no augmentation"


def span(first: str, last: str) -> str:
    """Two times as records write them -> "2026-11-23 15:27 to 16:52 UTC"."""
    ends = [datetime.fromisoformat(time).astimezone(UTC) for time in (first, last)]
    start, end = (f"{time:%Y-%m-%d %H:%M}" for time in ends)
    if start == end:
        return f"{start} UTC"
    same_day = ends[0].date() == ends[1].date()
    return f"{start} to {end[11:] if same_day else end} UTC"


def duration(seconds: float) -> str:
    """As text: "12 s", "5 min", "2.6 h"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
