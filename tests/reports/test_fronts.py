"""Quality against cost: whole and truncated networks, and the front of those that no other beats."""

import re

from acn_bench.analysis.comparison import compare
from acn_bench.reports.figures import fronts
from acn_bench.reports.figures.fronts import Point


def point(cost, quality):
    return Point(cost, quality, "ac", "", True)


def test_the_front_holds_what_no_other_beats_in_cost_and_quality():
    beaten = [point(2, 40), point(3, 50), point(5, 59)]
    best = [point(1, 40), point(2, 50), point(4, 60)]

    assert fronts.front([*beaten, *best]) == best


def test_of_equal_networks_one_stands_on_the_front():
    assert fronts.front([point(1, 40), point(1, 40), point(1, 30)]) == [point(1, 40)]


def test_whole_and_cut_networks_stand_against_each_cost(records, card):
    figure = fronts.draw(
        compare(records(("naive", "si")), card), "average_accuracy", "truncated_accuracy"
    )

    (part,) = figure.parts
    assert part.svg.count("data-p") == 3  # all see as many images
    named = dict(
        re.findall(r"by (Parameters|Work per image|Training time|Images seen): ([^;]*)", part.alt)
    )
    assert {"Parameters", "Work per image"} <= named.keys()
    assert ", cut" in named["Work per image"]
    assert ", cut" not in named.get("Training time", "")


def test_a_drawing_grows_with_the_networks_and_not_with_the_seeds(records, card):
    few, many = (
        fronts.draw(
            compare(records(("naive",), seeds=range(n)), card),
            "average_accuracy",
            "truncated_accuracy",
        )
        for n in (2, 8)
    )
    assert len(many.parts[0].svg) < 1.1 * len(few.parts[0].svg)
