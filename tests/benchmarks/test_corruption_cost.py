"""A continual run takes every corruption and severity, and its plan counts them."""

import pytest

from acn_bench.benchmarks.continual import cost, noise_cost
from acn_bench.registry import COMMON

ALL = dict.fromkeys(COMMON, (1, 2, 3, 4, 5))
TESTS = 6 * 40  # of the two experiences


def test_every_corruption_and_severity_is_counted_in_images_and_in_seconds(config, digits):
    plain, corrupted = config(noise={}), config(noise=ALL)
    more = cost.work(corrupted, digits) - cost.work(plain, digits)
    assert more == pytest.approx(75 * TESTS / 3)  # a third of an image trained each
    assert cost.cost(plain, [digits]).corrupting == 0
    per_image = cost.cost(corrupted, [digits]).corrupting / (75 * TESTS)
    assert per_image == pytest.approx(6e-8 * 32 * 32)


def test_after_every_experience_they_cost_as_often_as_the_clean_images(config, digits):
    last, every = (cost.cost(config(noise=ALL, noise_after=w), [digits]) for w in ("last", "every"))
    assert every.corrupting == pytest.approx(1.5 * last.corrupting)  # task-incremental, T = 2


def test_a_plan_names_them_and_noise_alone_needs_no_words(config, digits):
    (sentence,) = noise_cost.expenses(config(noise={"fog": (1, 5), "gaussian": (0.1,)}), [digits])
    assert sentence == (
        "2 common corruptions by severity after the last experience: 480 test images are corrupted and measured in "
        "each run; the estimate counts them"
    )
    assert noise_cost.expenses(config(), [digits]) == []
