"""Strategies that paired tests cannot part are tied, whatever their ranks."""

import pytest
from scipy import stats

from acn_bench import reports
from acn_bench.analysis import ties
from acn_bench.analysis.comparison import compare
from acn_bench.analysis.groups import Cell


def cell(*values):
    return Cell({(k,) * 4: v for k, v in enumerate(values)}, len(values))


GOOD = cell(0.80, 0.82, 0.81, 0.83, 0.79)
SIMILAR = cell(0.79, 0.83, 0.80, 0.83, 0.80)
BAD = cell(0.50, 0.53, 0.50, 0.54, 0.48)


@pytest.mark.parametrize(
    ("cells", "bars"),
    [
        ([GOOD, SIMILAR, BAD], [(0, 1)]),
        ([GOOD, BAD, BAD], [(1, 2)]),
        ([GOOD, SIMILAR, GOOD], [(0, 2)]),
        ([GOOD, BAD], []),
    ],
)
def test_a_bar_reaches_over_the_longest_runs_in_which_no_two_are_parted(cells, bars):
    assert list(ties._bars(cells)) == bars


def test_bars_may_overlap():
    high, low = cell(1.0, 1.3, 1.0, 1.4), cell(0.6, 0.92, 0.6, 0.99)
    middle = cell(0.9, 1.4, 0.5, 1.2)

    assert list(ties._bars([high, middle, low])) == [(0, 1), (1, 2)]


def test_ranks_are_means_over_seeds_and_the_best_is_the_first(records, card):
    comparison = compare(records(("naive", "si", "joint"), seeds=range(4)), card)
    ac, residual = ties.rankings(comparison, "average_accuracy")

    for ranking in (ac, residual):
        values = [list(e.cell.values.values()) for e in ranking.entries]
        expected = stats.rankdata([[-v for v in row] for row in values], axis=0).mean(axis=1)
        assert [e.rank for e in ranking.entries] == pytest.approx(list(expected))
        assert [e.strategy for e in ranking.entries] == ["joint", "si", "naive"]
    assert (ac.arm, residual.arm) == ("ac", "residual")


def test_a_report_of_three_strategies_shows_ties_and_of_two_none(records, card):
    three, two = (
        reports.report(compare(records(strategies), card))
        for strategies in (("naive", "si", "joint"), ("naive", "si"))
    )

    figures = [block.name for s in three.sections if s.name == "figures" for block in s.blocks]
    assert "average_accuracy-ties" in figures
    assert "ties" in [s.name for s in three.sections]
    assert "ties" not in [s.name for s in two.sections]
    assert "tied" not in reports.render(compare(records(), card), "html")
