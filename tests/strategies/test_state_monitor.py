"""A record holds what a strategy adds to the loss and what its state looks like; a constant penalty is found out."""

import msgspec
import pytest
import torch

from acn_bench import catalog
from acn_bench.benchmarks.continual import guards
from acn_bench.benchmarks.continual.result import QUANTILES, validate
from acn_bench.strategies import state_monitor
from acn_bench.strategies.replay import ReplaySpec
from acn_bench.strategies.seeding import preserved_generators
from acn_bench.strategies.state_monitor import Measures

SHORT = {"experiences": 3, "epochs": 1, "classes_per_experience": 2}
GUARD = "the penalty is no constant"


def measured(small, spec, **changes):
    run = small(spec, **SHORT | changes)
    with preserved_generators():
        output = run.measure()
    validate(output.result, run.protocol)
    return run, output


def card(name):
    return catalog.strategy(name).options


@pytest.mark.parametrize("name", ["si", "ewc", "mas"])
def test_the_record_has_the_distribution_of_the_importances_and_the_part_of_the_penalty(
    small, name
):
    run, output = measured(small, card(name))
    result = output.result.measures
    values = torch.cat([t.flatten() for t in run.learner.strategy_state.weight_importances()])

    assert result.importance[-1][0] == values.min().item()
    assert result.importance[-1][-1] == values.max().item()
    assert len(result.importance) == len(result.alike) == 3
    assert max(result.alike) < 0.5
    assert result.added_loss[0] == 0 < min(map(abs, result.added_loss[1:]))
    assert result.memory is None
    assert {g.name: g.passed for g in output.guards}[GUARD]


def test_the_distillation_of_lwf_is_in_the_record(small):
    _, output = measured(small, card("lwf"))
    result = output.result
    assert result.measures.added_loss[0] == 0
    assert all(0 < result.measures.added_loss[k] < result.train_loss[k][0] for k in (1, 2))
    assert result.measures.importance is None


def test_the_memory_is_in_the_record_by_class(small):
    _, output = measured(small, ReplaySpec(name="replay", memory=30, memory_batch_size=8))
    result = output.result
    for k, counts in enumerate(result.measures.memory):
        known = {c for own in result.classes[: k + 1] for c in own}
        assert sum(counts) == 30
        assert {c for c, n in enumerate(counts) if n} <= known
    assert result.measures.added_loss is None


def test_a_limit_that_nearly_all_importances_reach_makes_a_constant_penalty(small):
    _, output = measured(small, card("si_limited"))
    (guard,) = (g for g in output.guards if g.name == GUARD)
    assert not guard.passed


def test_a_strategy_without_state_or_penalty_has_no_measures_and_no_such_guard(small):
    _, output = measured(small, None)
    assert output.result.measures is None
    assert GUARD not in {g.name for g in output.guards}


SPREAD = [[float(k) for k in range(len(QUANTILES))]] * 3


@pytest.mark.parametrize(
    ("changes", "passed"),
    [
        ({}, True),
        ({"added_varies": [False, True, True]}, True),  # nothing is added to the first
        ({"added_varies": [False, True, False]}, False),
        ({"alike": [0.1, 0.95, 0.1]}, False),
        ({"alike": [0.1, 0.1, 0.95]}, True),  # no experience is left that it would act on
        ({"alike": [0.95] * 3, "importance": [[0.0] * 7 + [9.0]] * 3}, True),  # sparse
        ({"importance": [[0.0] * 8] * 3}, False),
    ],
)
def test_a_penalty_is_constant_where_it_never_changes_or_pulls_nearly_all_weights_alike(
    changes, passed
):
    values = {"added_varies": [False, True, True], "alike": [0.1] * 3, "importance": SPREAD}
    assert guards.penalty(Measures(**values | changes)).passed is passed


def test_of_many_importances_evenly_spaced_ones_are_measured(monkeypatch):
    monkeypatch.setattr(state_monitor, "MOST", 100)
    values = torch.arange(1000.0)
    quantiles, alike = state_monitor.distribution([values[:300], values[300:]], (0.0, 0.5, 1.0))
    assert quantiles == pytest.approx([0, 500, 990], abs=10)
    assert alike < 0.05


def test_a_record_whose_measures_do_not_fit_is_refused(small):
    run, output = measured(small, card("ewc"))
    measures = output.result.measures
    for changes, place in (
        ({"alike": [0.5]}, "measures.alike has 1 entries, not 3"),
        ({"alike": [0.5, 0.5, 2.0]}, r"measures.alike\[2\]"),
        ({"importance": [[1.0] * 7 + [0.0]] * 3}, r"importance\[0\] does not ascend"),
        ({"memory": [[-1]] * 3}, r"measures.memory\[0\]\[0\] is -1"),
    ):
        wrong = msgspec.structs.replace(
            output.result, measures=msgspec.structs.replace(measures, **changes)
        )
        with pytest.raises(ValueError, match=place):
            validate(wrong, run.protocol)
