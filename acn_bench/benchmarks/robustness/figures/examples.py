"""Comparison -> the first test image under the conditions of its runs, once for all arms and seeds."""

from collections.abc import Sequence

from acn_bench.analysis.comparison import Comparison
from acn_bench.benchmarks.robustness.report import jpeg_note
from acn_bench.benchmarks.robustness.result import ExampleImage
from acn_bench.reports.figures import style, svg
from acn_bench.reports.model import Drawing, Figure

_CAPTION = (
    "The first test image as the network's input, before normalisation: the same for all arms, drawn with the noise seed {seed}. "
    "A record keeps few of them: where levels are missing they were measured, too. Values outside [0, 1] are clipped here, "
    "and images above 64 px are shrunk."
)
COLUMNS = 8
GAP, LINE = 6.0, 8.0  # points


def draw(comparison: Comparison) -> Figure | None:
    """The images of the first record that has some; None where none has."""
    records = [r for g in comparison.groups for r in g.records if r.result.example_images]
    if not records:
        return None
    first = min(records, key=lambda r: r.config.seeds.noise)
    images = first.result.example_images
    named = ", ".join(dict.fromkeys(_name(i) for i in images))
    part = Drawing("", _drawing(images), f"One test image under {len(images)} conditions: {named}.")
    caption = (
        f"{_CAPTION.format(seed=first.config.seeds.noise)} {jpeg_note(comparison.groups)}".rstrip()
    )
    return Figure("examples", "What the network is given", caption, (part,))


def _drawing(images: Sequence[ExampleImage]) -> str:
    side = (style.WIDTH - (COLUMNS - 1) * GAP) / COLUMNS
    height = side + 2 * LINE + GAP
    body = ""
    for k, image in enumerate(images):
        row, column = divmod(k, COLUMNS)
        left, top = svg.units(column * (side + GAP)), svg.units(row * height)
        body += svg.placed(left, top, svg.units(side), svg.units(side), svg.address(image.file))
        middle = left + svg.units(side / 2)
        level = f"{image.level:g}" if image.corruption else ""
        for line, words in enumerate((_name(image), level), start=1):
            y = top + svg.units(side + line * LINE)
            shown = svg.fitted(words, 7, side + GAP)
            body += svg.text(middle, y, shown, font_size=70, text_anchor="middle") if words else ""
    rows = -(-len(images) // COLUMNS)
    return svg.drawing(svg.units(style.WIDTH), svg.units(rows * height), 100, body)


def _name(image: ExampleImage) -> str:
    return image.corruption.replace("_", " ") or "clean"
