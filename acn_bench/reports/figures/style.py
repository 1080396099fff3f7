"""A matplotlib figure -> SVG text, the same bytes for the same records; and one colour per arm.

Blue is AC and orange is residual in every figure (Okabe and Ito 2008: distinguishable for colour-blind
readers); circle and solid line, square and dashed line say the same in black and white.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import Any

import matplotlib
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.typing import LineStyleType

from acn_bench.analysis.groups import PLUS, Group, arm_title
from acn_bench.printable import one_line

WIDTH = 7.2  # inches: the text width of a page
INK, QUIET, FAINT = "#1f2430", "#5d6470", "#d9dce1"
FONTS = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"


@dataclass(frozen=True)
class Look:
    """How an arm is drawn."""

    colour: str
    marker: str
    dash: LineStyleType


LOOKS: dict[str, Look] = {
    "ac": Look("#0072B2", "o", "-"),
    "residual": Look("#D55E00", "s", (0, (4, 1.6))),
    "feedforward": Look("#009E73", "^", (0, (1.2, 1.2))),
    "densenet": Look("#CC79A7", "D", (0, (5, 1.5, 1.2, 1.5))),
    "denseformer": Look("#8A6D00", "v", (0, (2.5, 1.5))),
}
OTHER = Look("#6B7280", "P", (0, (3, 1, 1, 1)))

DIVERGING = LinearSegmentedColormap.from_list(  # orange: residual higher; blue: AC higher
    "arms", ["#9c4400", "#D55E00", "#f4c9a8", "#ffffff", "#a9cfe8", "#0072B2", "#00436b"]
)


SCHEMES = {"aligned": (0.45, "D"), "layerskip": (-0.5, "^"), "layerdrop": (0.7, "v")}


def look(arm: str) -> Look:
    """The look of an arm; factories share one. A scheme is a lighter or darker shade, with a marker of its own."""
    wiring, plus, scheme = arm.partition(PLUS)
    base = LOOKS.get(wiring, OTHER)
    if not plus:
        return base
    shade, marker = SCHEMES.get(scheme, (0.3, "P"))
    end = 1.0 if shade > 0 else 0.0
    r, g, b = (abs(shade) * end + (1 - abs(shade)) * c for c in to_rgb(base.colour))
    return Look(to_hex((r, g, b)), marker, base.dash)


@contextmanager
def canvas(width: float, height: float) -> Iterator[Canvas]:
    """An empty figure under the report's settings, width and height in inches."""
    with matplotlib.rc_context(sns.axes_style("ticks") | _SETTINGS):
        figure = Canvas(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        yield figure


def svg(figure: Canvas, name: str) -> str:
    """The figure as an `<svg>` element for an HTML page; `name` makes its ids unique on the page.

    Call it inside `canvas`: the settings decide the ids.
    """
    buffer = StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None}, dpi=200)
    text = buffer.getvalue()
    width = round(100 * float(figure.get_figwidth()) / WIDTH)
    text = text[text.index("<svg") :].replace("xlink:href=", "href=")
    # its own <style> would reach every drawing of the page: joins and caps as properties of this one
    opening = f'<svg style="width: {width}%; stroke-linejoin: round; stroke-linecap: butt"'
    text = re.sub(r'<svg xmlns:xlink="[^"]*" width="[^"]*" height="[^"]*"', opening, text)
    for unused in (r"<metadata>.*?</metadata>", r"<!--.*?-->", r"<style[^>]*>.*?</style>"):
        text = re.sub(unused, "", text, flags=re.DOTALL)
    text = re.sub(r"font: ([^;\"]*?)(\d+(?:\.\d+)?)px [^;\"]+", _font, text)  # matplotlib 3.9
    text = re.sub(r"font-family: [^;\"]+", f"font-family: {FONTS}", text)
    text = re.sub(r' (?:d|x|y)="[^"]*"', lambda m: re.sub(r"\d+\.\d{3,}", _short, m[0]), text)
    text = re.sub(r"\s*\n\s*", "\n", text)
    return _own_ids(text, name)


def _short(match: re.Match[str]) -> str:
    """A coordinate to a hundredth of a point: half the bytes, the same picture."""
    return f"{float(match[0]):.2f}"


def _font(match: re.Match[str]) -> str:
    """The `font` shorthand as single properties, with fonts that readers have."""
    weight = "font-weight: bold; " if "bold" in match[1] or "700" in match[1] else ""
    return f"{weight}font-size: {match[2]}px; font-family: {FONTS}"


def _own_ids(text: str, name: str) -> str:
    """Drop the ids that nothing refers to, and put `name` before the others."""
    used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', text))
    text = re.sub(r' id="([^"]+)"', lambda m: m[0] if m[1] in used else "", text)
    return re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{name}-", text)


# ---------------------------------------------------------------- shared parts of figures


def wrapped(label: str, width: int, most: int = 3) -> str:
    """A label in at most `most` lines of `width` characters, broken between its parts first; longer ones lose their middle."""
    text, lines = one_line(label), [""]
    for part in text.split(" · "):
        joined = f"{lines[-1]} · {part}" if lines[-1] else part
        if len(joined) <= width:
            lines[-1] = joined
        else:
            lines += [part[k : k + width] for k in range(0, len(part), width)]
    lines = [line for line in lines if line]
    if len(lines) > most:
        lines = [*lines[: most - 2], f"{lines[most - 2][: width - 1]}…", text[-width:]]
    return "\n".join(lines)


def title(ax: Axes, label: str, columns: int) -> None:
    """The title of one of `columns` panels side by side."""
    ax.set_title(wrapped(label, {1: 58, 2: 46}.get(columns, 32)))


def legend(
    figure: Canvas, arms: Sequence[str], extra: Sequence[Line2D] = (), lines: bool = True
) -> None:
    """Above all panels: the arms, then whatever else needs a word; in one line if it fits."""
    handles = [
        Line2D(
            [],
            [],
            color=look(arm).colour,
            linestyle=look(arm).dash if lines else "",
            marker=look(arm).marker,
            label="arm",
        )
        for arm in arms
    ]
    labels = [wrapped(arm_title(arm), 40) for arm in arms]
    labels += [str(line.get_label()) for line in extra]
    made = figure.legend(
        handles=[*handles, *extra],
        loc="outside upper left",
        ncols=_legend_columns(labels, figure.get_figwidth()),
        frameon=False,
        handlelength=2.6 if lines else 1.0,
        columnspacing=1.8,
        borderaxespad=0,
    )
    for text, label in zip(made.get_texts(), labels, strict=True):
        text.set_text(label)  # here: a legend leaves out a label that begins with "_"


def _legend_columns(labels: Sequence[str], inches: float) -> int:
    """How many labels stand side by side, by the usual width of a character, a handle and a gap."""
    widths = [0.6 + 0.062 * max(map(len, label.split("\n"))) for label in labels]
    if sum(widths) <= inches:
        return len(labels)
    return max(1, int(inches / max(widths)))


def panels(figure: Canvas, count: int, columns: int, sharey: bool = True) -> list[Axes]:
    """`count` axes in rows of `columns`, with the same scales; the rest of the last row stays empty."""
    rows = -(-count // columns)
    grid = figure.subplots(rows, columns, sharex=False, sharey=sharey, squeeze=False)
    axes = [ax for row in grid for ax in row]
    for ax in axes[count:]:
        ax.remove()
    for ax in axes[:count]:
        sns.despine(ax=ax)
    return axes[:count]


def columns_for(count: int) -> int:
    """How many panels stand side by side."""
    return {1: 1, 2: 2, 4: 2}.get(count, 3)


def chunks(groups: Sequence[Group], size: int) -> Iterator[Sequence[Group]]:
    """Groups in runs of at most `size`, as even as can be: what fits one SVG on one page."""
    parts = -(-len(groups) // size)
    step = -(-len(groups) // parts) if parts else 1
    for start in range(0, len(groups), step):
        yield groups[start : start + step]


def experiences_axis(ax: Axes, T: int) -> None:
    """Ticks at the first experience and at every one or every fifth."""
    ax.set_xlabel("experiences learned")
    ax.set_xticks([t for t in range(1, T + 1) if t == 1 or t % (1 if T <= 10 else 5) == 0])


def accuracy_axis(ax: Axes, top: float, chance: float | None = None) -> None:
    """Percentages from 0; `top` is the highest share shown; the dotted line is the chance level."""
    ax.set_ylim(0, min(104.0, 10 * (int(10 * top) + 1.4)))
    if chance is not None:
        ax.axhline(100 * chance, color=QUIET, linestyle=(0, (1, 2)), linewidth=0.8, zorder=0)


_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "acn_bench",
    "svg.fonttype": "none",
    "font.family": ["DejaVu Sans"],  # what matplotlib carries: the same measures on every machine
    "text.parse_math": False,  # a name may have dollars
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.linewidth": 0.7,
    "axes.titlecolor": INK,
    "axes.unicode_minus": True,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "lines.markersize": 4,
    "lines.markeredgecolor": "white",
    "lines.markeredgewidth": 0.5,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "savefig.edgecolor": "none",
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.06,
}
