"""Numbers and words -> SVG: scales, ticks, markers and names of any length and content."""

import re
from io import BytesIO
from xml.etree import ElementTree

import pytest
from PIL import Image

from acn_bench.reports.figures import grid, style, svg
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.figures.ticks import ticks


def parsed(drawing):
    """The drawing as an element tree: it is well-formed XML."""
    return ElementTree.fromstring(drawing)


def words(drawing):
    return [text.text for text in parsed(drawing).iter("text")]


@pytest.mark.parametrize(
    ("limits", "most", "expected"),
    [
        ((0, 104), 5, ["0", "25", "50", "75", "100"]),
        ((0, 1), 5, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ((-0.15, 5.2), 8, ["0", "1", "2", "3", "4", "5"]),
        ((-12, 13), 6, ["−10", "−5", "0", "5", "10"]),
        ((0, 4200), 4, ["0", "2,000", "4,000"]),
        ((5, 5), 4, []),
    ],
)
def test_ticks_stand_at_round_numbers(limits, most, expected):
    assert [word for _, word in ticks(*limits, most)] == expected


def test_whole_ticks_have_no_fractions():
    assert [word for _, word in ticks(0, 2, 8, whole=True)] == ["0", "1", "2"]


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 1, 1e9])
def test_there_are_never_more_ticks_than_asked_for(scale):
    for most in (2, 4, 8):
        assert 1 <= len(ticks(0.3 * scale, 7.7 * scale, most)) <= most + 1


def test_panels_that_share_a_scale_have_one_and_name_it_once():
    low, high = Axes("low"), Axes("high")
    low.line([0, 1], [0, 1], "#000000", 1)
    high.line([0, 1], [0, 50], "#000000", 1)

    drawing = grid.grid([low, high], 90, columns=2)

    assert low.y.limits == high.y.limits
    assert words(drawing).count("40") == 1


def test_a_mean_lies_where_its_value_is():
    ax = Axes()
    ax.line([0, 10], [0, 100], "#0072B2", 1)
    ax.x.low, ax.x.high, ax.y.low, ax.y.high = 0, 10, 0, 100

    assert 'd="M1000 1500l2000-500"' in ax.svg(1000, 1000, 2000, 500)


def test_a_shade_ends_where_its_panel_ends():
    ax = Axes()
    ax.band([0, 10], [0, -100], [100, 300], "#0072B2")
    ax.x.low, ax.x.high, ax.y.low, ax.y.high = 0, 10, 0, 200

    # a panel of 2,000 × 500: the upper line leaves it in the middle, the lower one lies on its edge
    assert 'd="M1000 1250l1000-250 1000 0 0 500-2000 0z"' in ax.svg(1000, 1000, 2000, 500)


@pytest.mark.parametrize("name", ["$\\frac{$", "<img src=x onerror=y>", "a&b", "x" * 5000, "_\x1b[2J\x00"])  # fmt: skip
def test_a_name_is_words_in_a_drawing_whatever_it_holds(name):
    ax = Axes(name)
    ax.line([0, 1], [0, 1], "#000000", 1)

    drawing = grid.grid([ax], 90, columns=1, legend=grid.arm_entries([name]), ylabel=name)

    assert {element.tag for element in parsed(drawing).iter()} == {"svg", "g", "path", "text"}
    assert len(drawing) < 5000


def test_long_names_keep_both_ends():
    one, other = (svg.fitted(f"{'n' * 200}{k}", 8, 100) for k in (1, 2))

    assert one != other
    assert one.startswith("nnn")
    assert svg.text_width(one, 8) <= 100
    assert svg.fitted("short", 8, 100) == "short"


def test_labels_break_between_their_parts():
    assert svg.wrapped("naive · released · depth 10", 8, 60) == ["naive · released", "depth 10"]
    assert svg.wrapped("", 8, 60) == []


def test_cells_are_a_picture_with_a_pixel_each():
    cells = [["#ff0000", ""], ["#00ff00", "#0000ff"]]
    (data,) = re.findall(r'base64,([^"]+)"', svg.image(0, 0, 10, 10, cells))

    import base64

    picture = Image.open(BytesIO(base64.b64decode(data)))
    pixels = [picture.getpixel((x, y)) for y in (0, 1) for x in (0, 1)]
    assert pixels == [(255, 0, 0, 255), (0, 0, 0, 0), (0, 255, 0, 255), (0, 0, 255, 255)]


def test_equal_points_are_drawn_once():
    ax = Axes()
    ax.markers([1, 1, 2], [1, 1, 2], "o", "#000000", 4)

    assert ax.svg(0, 0, 1000, 1000).count("a20 20 0 1 0 40 0") == 2


def test_a_scale_of_colours_ends_with_its_ends():
    assert style.between(("#000000", "#ffffff"), 0) == "#000000"
    assert style.between(("#000000", "#ffffff"), 1) == "#ffffff"
    assert style.between(("#000000", "#ffffff", "#ff0000"), 0.25) == "#808080"
    assert len(set(style.shades("#0072B2", 5))) == 5
