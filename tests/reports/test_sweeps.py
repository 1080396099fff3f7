"""Sweeps over a number -> a figure for each metric: a panel for each setting of the rest, its values in order."""

import re

import pytest
from msgspec.structs import replace

from acn_bench.analysis.comparison import compare
from acn_bench.reports.figures import sweeps
from acn_bench.reports.figures.sweeps import positions
from acn_bench.reports.sections.setting import description


@pytest.fixture
def of_strategy(record):
    """Two seeds of both arms, with these settings of the strategy."""

    def made(strategy="si", depth=5, **settings):
        for wiring in ("ac", "residual"):
            for seed in (0, 1):
                one = record(strategy, wiring, seed, depth=depth)
                config = replace(one.config, strategy=replace(one.config.strategy, **settings))
                yield replace(one, config=config, run_id=config.run_id)

    return made


def drawn(records, metric="forgetting"):
    figures = [draw() for draw in sweeps.figures(compare(records), metric)]
    return {figure.name: figure for figure in figures if figure}


def ticks(figure):
    """The words below the panels."""
    found = re.findall(r">([^<>]+)</text>", figure.parts[0].svg)
    return [word for word in found if word in {"0", "0.01", "0.1", "1", "10", "none"}]


def test_a_sweep_over_a_number_of_a_strategy_is_a_figure(of_strategy):
    records = [r for s in (10, 0.1, 1) for r in of_strategy(strength=s)]
    (figure,) = drawn(records).values()
    assert (figure.name, figure.title) == ("forgetting-strength", "Forgetting by strength")
    assert ticks(figure)[:3] == ["0.1", "1", "10"]
    assert ">strength (logarithmic)<" in figure.parts[0].svg


def test_a_value_of_none_stands_behind_the_numbers(of_strategy):
    records = [r for m in (None, 0.1, 0.01) for r in of_strategy(importance_max=m)]
    (figure,) = drawn(records).values()
    assert ticks(figure)[:3] == ["0.01", "0.1", "none"]


def test_each_depth_has_a_panel_of_its_own_and_each_strength_another(of_strategy):
    records = [r for d in (5, 10) for s in (1, 10) for r in of_strategy(strength=s, depth=d)]
    found = drawn(records)
    assert set(found) == {"forgetting-sweep", "forgetting-strength"}
    (by_strength,) = found["forgetting-strength"].parts
    assert "depth 5; " in by_strength.alt
    assert by_strength.alt.endswith("depth 10.")
    (by_depth,) = found["forgetting-sweep"].parts
    assert "strength 1; " in by_depth.alt.replace("1.0", "1")


def test_numbers_that_vary_together_are_no_sweep(of_strategy):
    one, other = of_strategy(strength=1, damping=0.1), of_strategy(strength=10, damping=0.01)
    assert drawn([*one, *other]) == {}


def test_other_strategies_are_no_sweep(of_strategy):
    assert drawn([*of_strategy("naive"), *of_strategy("si")]) == {}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5, 10, 15], [5, 10, 15]),
        ([1, 10, 100], [0, 1, 2]),
        ([0, 0.1, 1], [-2, -1, 0]),
        ([0.01, 1, None], [-2, 0, 2]),
        ([-1, 0, 10], [-1, 0, 10]),
        ([3, None], [3, 4]),
    ],
)
def test_values_stand_by_size_or_by_its_logarithm(values, expected):
    at = positions(values)
    assert [at[value] for value in values] == pytest.approx(expected)


def test_the_values_of_a_sweep_stand_once_beside_their_strategy(of_strategy):
    comparison = compare([r for s in (0.1, 1, 10) for r in of_strategy(strength=s)])
    words = dict(description(comparison))["Strategies"]
    assert words.startswith("si (strength 0.1 or 1 or 10, damping 0.001")
