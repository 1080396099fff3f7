import pytest
from scipy import stats

from acn_bench.analysis import statistics


def test_the_interval_and_the_test_are_those_of_scipy():
    values = [-0.06, -0.01, -0.09, 0.02]
    low, high = stats.t.interval(0.95, 3, loc=sum(values) / 4, scale=stats.sem(values))

    assert statistics.t_interval(values) == pytest.approx((low, high))
    assert statistics.p_value(values) == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


def test_a_very_small_p_value_keeps_its_digits():
    values = [1.0 + 1e-6 * k for k in range(9)]

    assert statistics.p_value(values) == pytest.approx(
        stats.ttest_1samp(values, 0).pvalue, rel=1e-6
    )


@pytest.mark.parametrize("shift", [-0.02, 0.0, 0.011, 0.3])
def test_p_is_below_one_in_twenty_exactly_where_the_interval_misses_zero(shift):
    values = [shift + v for v in (-0.01, 0.01, 0.004, -0.006)]
    low, high = statistics.t_interval(values)

    assert (statistics.p_value(values) < 0.05) == (low > 0 or high < 0)


def test_two_pairs_are_tested_with_one_degree_of_freedom():
    # t = mean / (|a - b| / 2) = 3; of one degree of freedom, p = 1 - 2 atan(3) / pi
    assert statistics.p_value([1.0, 2.0]) == pytest.approx(0.2048, abs=1e-4)


@pytest.mark.parametrize("values", [[], [0.3]])
def test_fewer_than_two_pairs_have_no_interval_and_no_p_value(values):
    assert statistics.deviation(values) is None
    assert statistics.t_interval(values) is None
    assert statistics.p_value(values) is None


@pytest.mark.parametrize("value", [-2.0, 0.0, 0.1])
def test_equal_differences_are_judged_by_their_sign(value):
    equal = [value + 0.2 - 0.2, value, value]

    assert statistics.t_interval(equal) == pytest.approx((value, value))
    assert statistics.p_value(equal) == (0.25 if value else None)


def test_holm_multiplies_by_how_many_are_left_and_never_steps_back():
    # 0.01 x 4, 0.02 x 3, 0.02 x 2 (but not below 0.06), 0.9 x 1
    assert statistics.holm([0.02, 0.01, 0.9, 0.02]) == pytest.approx([0.06, 0.04, 0.9, 0.06])
    assert statistics.holm([0.4, 0.6]) == pytest.approx([0.8, 0.8])
    assert statistics.holm([0.7, 0.6]) == [1.0, 1.0]


def test_a_family_of_one_is_not_adjusted():
    assert statistics.holm([0.03]) == [0.03]
    assert statistics.holm([]) == []


def test_what_cannot_be_tested_counts_in_the_family_and_gets_no_p_value():
    assert statistics.holm([None, 0.01, None]) == [None, pytest.approx(0.03), None]
