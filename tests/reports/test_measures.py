import msgspec
import pytest

from acn_bench import validation
from acn_bench.analysis import depth_metrics
from acn_bench.analysis.comparison import compare
from acn_bench.benchmarks.continual import definitions
from acn_bench.benchmarks.continual.kind import KIND
from acn_bench.benchmarks.continual.result import Validation
from acn_bench.benchmarks.mlm.example import example_record as mlm_example
from acn_bench.benchmarks.supervised.example import example_record as supervised_example

T = 2


def held_out(curve, counts=(500, 500), changes=None):
    """The same curve on every experience of the final model."""
    depth = [[curve, None], [curve, curve]]
    full = [[row[-1] if row else None for row in rows] for rows in depth]
    return Validation(accuracy=full, depth_accuracy=depth, counts=list(counts), changes=changes)


def cut(record, validation_curve, test_curve=None, counts=(500, 500), changes=None, **more):
    test = [[test_curve, None], [test_curve, test_curve]] if test_curve else None
    held = held_out(validation_curve, counts, changes)
    result = {"validation": held, "depth_accuracy": test}
    return record(depth=3, experiences=T, result=result, **more)


def test_utilised_depth_is_chosen_on_held_out_rows_and_reported_on_test(record):
    r = cut(record, [0.2, 0.5, 0.695, 0.7], test_curve=[0.2, 0.6, 0.65, 0.71])

    assert depth_metrics.utilised_depth(r) == 2
    assert depth_metrics.truncated_accuracy(r) == pytest.approx(0.65)
    assert KIND.metrics["utilised_depth_half"].of(r) == 2
    assert KIND.metrics["utilised_depth_two"].of(r) == 2
    assert KIND.metrics["parameters_utilised"].of(r) == r.result.parameters[2]


def test_the_tolerances_can_part_ways(record):
    r = cut(record, [0.2, 0.685, 0.692, 0.7])

    result = [
        KIND.metrics[m].of(r)
        for m in ("utilised_depth_half", "utilised_depth", "utilised_depth_two")
    ]
    assert result == [3, 2, 1]


def test_the_depth_by_test_needs_evidence_where_the_tolerance_needs_a_mean(record):
    curve = [0.2, 0.691, 0.694, 0.7]
    few = cut(record, curve, changes=[[500, 0], [10, 1], [8, 2], [0, 0]])
    many = cut(record, curve, counts=(5000, 5000), changes=[[5000, 0], [95, 5], [80, 20], [0, 0]])

    assert depth_metrics.utilised_depth(few) == depth_metrics.utilised_depth(many) == 1
    assert KIND.metrics["sufficient_depth"].of(few) == 3
    assert KIND.metrics["sufficient_depth"].of(many) == 2
    assert depth_metrics.sufficient_depth(many, 0.02) == 1


def test_the_depth_by_test_has_no_value_where_nothing_could_be_shown(record):
    same = [[0, 0]] * 4
    guesses = cut(record, [0.2, 0.2, 0.2, 0.2], changes=same)
    too_few = cut(record, [0.7, 0.7, 0.7, 0.7], counts=(180, 180), changes=same)
    enough = cut(record, [0.7, 0.7, 0.7, 0.7], counts=(180, 181), changes=same)
    not_counted = cut(record, [0.7, 0.7, 0.7, 0.7])

    result = [depth_metrics.sufficient_depth(r) for r in (guesses, too_few, enough, not_counted)]
    assert result == [None, None, 0, None]


def test_a_model_that_guesses_has_no_utilised_depth(record):
    r = cut(record, [0.2, 0.2, 0.21, 0.22])  # two standard errors above 0.2 over 1,000 rows: 0.225

    assert depth_metrics.utilised_depth(r) is None
    assert depth_metrics.truncated_accuracy(r) is None
    assert KIND.metrics["flops_utilised"].of(r) is None


def test_guessing_is_among_an_experiences_classes_only_with_a_head_each(record):
    assert definitions.chance(record(experiences=4)) == pytest.approx(1 / 5)
    assert definitions.chance(record(experiences=4, benchmark={"heads": "one"})) == pytest.approx(
        1 / 20
    )


def test_a_network_without_depths_has_no_utilised_depth(record):
    nothing = Validation(accuracy=[[0.5]], depth_accuracy=[], counts=[100])
    r = record(
        result={"validation": nothing, "depth_accuracy": None, "parameters": [], "flops": []}
    )

    assert depth_metrics.utilised_depth(r) is None
    assert KIND.metrics["parameters"].of(r) is None


def test_joint_training_cannot_forget(records, card):
    comparison = compare(records(("joint",)), card)
    (group,) = comparison.groups
    (verdict,) = comparison.of_claim("forgets_less")

    assert group.cell("ac", "forgetting").n == 0
    assert group.cell("ac", "average_accuracy").n == 3
    assert verdict.outcome == "no verdict"
    assert "joint training" in verdict.reason


def test_every_metric_says_what_it_is_and_where_it_comes_from():
    for metric in KIND.metrics.values():
        assert metric.definition
        assert metric.source
        assert metric.missing


@pytest.mark.parametrize(
    ("heads", "shares", "level"),
    [
        ("each", None, 1 / 5),  # an equal part of an experience's five classes
        ("each", [0.2, 0.6], 0.4),
        ("one", None, 1 / 10),
        ("one", [0.2, 0.6], 0.3),  # one class of the second experience, always
    ],
)
def test_the_most_frequent_held_out_class_is_the_chance_level_of_a_stream(
    record, heads, shares, level
):
    r = cut(record, [0.2, 0.3, 0.4, 0.4], benchmark={"heads": heads})
    held = msgspec.structs.replace(r.result.validation, most_frequent=shares)
    made = msgspec.structs.replace(r, result=msgspec.structs.replace(r.result, validation=held))
    assert made.final_model.held_out_chance == pytest.approx(level)
    assert made.final_model.chance == (1 / 5 if heads == "each" else 1 / 10)


def test_a_classifier_that_answers_the_most_frequent_held_out_class_has_no_utilised_depth():
    made = supervised_example()
    assert depth_metrics.utilised_depth(made) is not None
    accuracy = made.result.validation.top1[-1] / made.result.rows.validation
    result = msgspec.structs.replace(made.result, held_out_most_frequent=accuracy)
    guessing = msgspec.structs.replace(made, result=result)
    assert depth_metrics.utilised_depth(guessing) is None


def test_a_most_frequent_class_below_an_equal_part_is_refused():
    with pytest.raises(ValueError, match=r"is 0\.1: of 5 classes one has 0\.2 or more"):
        validation.most_frequent("result", 0.1, 5)


def test_the_most_frequent_held_out_token_is_the_chance_level_of_masked_tokens():
    made = mlm_example()
    assert depth_metrics.utilised_depth(made) == 1
    held = made.result.validation
    held = msgspec.structs.replace(held, most_frequent=held.correct[-1])
    guessing = msgspec.structs.replace(
        made, result=msgspec.structs.replace(made.result, validation=held)
    )
    assert depth_metrics.utilised_depth(guessing) is None
