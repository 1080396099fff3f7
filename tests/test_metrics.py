import math

import numpy as np
import pytest
import torch

from acn_bench import metrics

# The same words, three definitions: they part as soon as an earlier experience gets better later.
A = [[0.8, None, None], [0.6, 0.7, None], [0.75, 0.65, 0.9]]
B = [[0.8, None, None], [0.6, 0.7, None], [0.85, 0.65, 0.9]]
C = [[0.6, None, None], [0.8, 0.7, None], [0.75, 0.65, 0.9]]


@pytest.mark.parametrize(
    ("R", "kind", "expected"),
    [
        (A, "first_last", 0.05),
        (A, "chaudhry", 0.05),
        (A, "max", 0.05),
        (B, "first_last", 0.0),
        (B, "chaudhry", 0.0),
        (B, "max", 0.025),
        (C, "first_last", -0.05),
        (C, "chaudhry", 0.05),
        (C, "max", 0.05),
    ],
)
def test_forgetting_of_the_worked_examples(R, kind, expected):
    assert metrics.forgetting(R, kind) == pytest.approx(expected)


def test_forgetting_is_first_minus_last_by_default():
    assert metrics.forgetting(C) == metrics.forgetting(C, "first_last")


def test_forgetting_reads_a_triangle_as_it_reads_a_square():
    triangle = [[0.8], [0.6, 0.7], [0.75, 0.65, 0.9]]
    for kind in ("first_last", "chaudhry", "max"):
        assert metrics.forgetting(triangle, kind) == metrics.forgetting(A, kind)


def test_the_better_an_experience_gets_later_the_more_it_was_never_forgotten():
    assert metrics.forgetting(B, "max") > metrics.forgetting(B, "chaudhry")
    # Avalanche and mammoth disagree in sign
    assert metrics.forgetting(C, "first_last") < 0 < metrics.forgetting(C, "max")


def test_backward_transfer_of_diaz_rodriguez_looks_at_every_later_row():
    assert metrics.backward_transfer(A, "diaz_rodriguez") == pytest.approx((-0.2 - 0.05 - 0.05) / 3)
    assert metrics.backward_transfer(C, "diaz_rodriguez") == pytest.approx((0.2 + 0.15 - 0.05) / 3)


def test_both_kinds_of_backward_transfer_agree_on_two_experiences():
    two = [[0.8, None], [0.6, 0.7]]
    assert metrics.backward_transfer(two, "diaz_rodriguez") == metrics.backward_transfer(two, "gem")


def test_backward_transfer_is_forgetting_first_last_with_the_other_sign():
    assert metrics.backward_transfer(A) == pytest.approx(-0.05)
    assert metrics.backward_transfer(C) == pytest.approx(0.05)


def test_an_unknown_kind_names_the_known_ones():
    with pytest.raises(ValueError, match="'last_first'; known: first_last, chaudhry, max"):
        metrics.forgetting(A, "last_first")
    with pytest.raises(ValueError, match="'best'; known: gem, diaz_rodriguez"):
        metrics.backward_transfer(A, "best")
    with pytest.raises(ValueError, match="'best'; known: gem, no_initial, diaz_rodriguez"):
        metrics.forward_transfer(A, None, "best")
    with pytest.raises(ValueError, match="'best'; known: last, mean"):
        metrics.intransigence(A, [0.9, 0.9, 0.9], "best")


def test_one_experience_alone_can_neither_be_forgotten_nor_transfer():
    assert metrics.forgetting([[0.9]]) is None
    assert metrics.backward_transfer([[0.9]]) is None
    assert metrics.forward_transfer([[0.9]], [0.1]) is None


def test_a_cell_that_was_not_measured_makes_no_guess():
    joint = [[None, None, None], [None, None, None], [0.7, 0.8, 0.9]]
    assert metrics.average_accuracy(joint) == pytest.approx(0.8)
    assert metrics.learning_accuracy(joint) is None
    assert metrics.average_incremental_accuracy(joint) is None
    for kind in ("first_last", "chaudhry", "max"):
        assert metrics.forgetting(joint, kind) is None
    assert metrics.backward_transfer(joint) is None
    hole = [[0.8, None, None], [None, 0.7, None], [0.75, 0.65, 0.9]]
    assert metrics.forgetting(hole) == pytest.approx(0.05)
    assert metrics.forgetting(hole, "max") is None


def test_the_three_mean_accuracies():
    assert metrics.average_accuracy(A) == pytest.approx((0.75 + 0.65 + 0.9) / 3)
    assert metrics.learning_accuracy(A) == pytest.approx(0.8)
    assert metrics.average_incremental_accuracy(A) == pytest.approx(
        (0.8 + 0.65 + (0.75 + 0.65 + 0.9) / 3) / 3
    )


def test_incremental_accuracy_leaves_out_experiences_not_yet_seen():
    seen_early = [[0.8, 0.5], [0.6, 0.7]]
    assert metrics.average_incremental_accuracy(seen_early) == pytest.approx((0.8 + 0.65) / 2)


def test_forward_transfer_takes_off_what_an_untrained_network_has():
    R = [[0.8, 0.3, 0.2], [0.6, 0.7, 0.4], [0.75, 0.65, 0.9]]
    assert metrics.forward_transfer(R, [0.2, 0.25, 0.1]) == pytest.approx((0.05 + 0.3) / 2)


def test_the_kinds_of_forward_transfer_that_take_nothing_off():
    R = [[0.8, 0.3, 0.2], [0.6, 0.7, 0.4], [0.75, 0.65, 0.9]]
    assert metrics.forward_transfer(R, kind="no_initial") == pytest.approx((0.3 + 0.4) / 2)
    assert metrics.forward_transfer(R, kind="diaz_rodriguez") == pytest.approx(
        (0.3 + 0.2 + 0.4) / 3
    )
    assert metrics.forward_transfer(R, None) is None


@pytest.mark.parametrize("kind", ["gem", "no_initial", "diaz_rodriguez"])
def test_with_a_head_each_there_is_no_forward_transfer(kind):
    assert metrics.forward_transfer(A, None, kind) is None
    assert metrics.forward_transfer(A, [0.2, 0.2, 0.2], kind) is None


def test_intransigence_is_what_joint_training_has_beside_what_was_learned():
    joint = [0.85, 0.8, 0.95]
    assert metrics.intransigence(A, joint) == pytest.approx(0.05)
    assert metrics.intransigence(A, joint, "mean") == pytest.approx((0.05 + 0.1 + 0.05) / 3)
    assert metrics.intransigence(A, [0.85, None, 0.95], "mean") is None


def test_stream_accuracy_counts_examples_where_average_accuracy_counts_experiences():
    assert metrics.stream_accuracy(A, [100, 100, 100]) == pytest.approx(metrics.average_accuracy(A))
    assert metrics.stream_accuracy(A, [100, 100, 200]) == pytest.approx((75 + 65 + 180) / 400)
    assert metrics.stream_accuracy([[0.5, None]], [10, 10]) is None


def test_anytime_accuracy_counts_each_measurement_once():
    assert metrics.anytime_accuracy(A) == pytest.approx((0.8 + 0.6 + 0.7 + 0.75 + 0.65 + 0.9) / 6)


def test_forgetting_by_depth_is_forgetting_of_each_depth():
    R = [
        [[0.2, 0.8], None, None],
        [[0.3, 0.6], [0.5, 0.7], None],
        [[0.1, 0.75], [0.5, 0.65], [0.4, 0.9]],
    ]
    assert metrics.forgetting_by_depth(R) == pytest.approx([0.05, metrics.forgetting(A)])
    assert metrics.forgetting_by_depth(R, "max")[0] == pytest.approx((0.2 + 0.0) / 2)
    assert metrics.forgetting_by_depth([[[0.2, 0.8]]]) == [None, None]


def _of_matrix(R, initial, joint, counts):
    """Every metric of a matrix, by name."""
    kinds = {
        metrics.forgetting: ("first_last", "chaudhry", "max"),
        metrics.backward_transfer: ("gem", "diaz_rodriguez"),
    }
    values = {f"{f.__name__} {kind}": f(R, kind) for f, ks in kinds.items() for kind in ks}
    values |= {
        f"forward_transfer {kind}": metrics.forward_transfer(R, initial, kind)
        for kind in ("gem", "no_initial", "diaz_rodriguez")
    }
    values |= {
        f"intransigence {kind}": metrics.intransigence(R, joint, kind) for kind in ("last", "mean")
    }
    return values | {
        "average": metrics.average_accuracy(R),
        "stream": metrics.stream_accuracy(R, counts),
        "learning": metrics.learning_accuracy(R),
        "incremental": metrics.average_incremental_accuracy(R),
        "anytime": metrics.anytime_accuracy(R),
        "relative": metrics.relative_forgetting(R, 0.2),
        "by_depth": metrics.forgetting_by_depth([[[v, v] for v in row] for row in R]),
    }


SQUARE = [[0.8, 0.3, 0.2], [0.6, 0.7, 0.4], [0.75, 0.65, 0.9]]
BESIDE = ([0.2, 0.25, 0.1], [0.85, 0.8, 0.95], [10, 20, 30])


@pytest.mark.parametrize("kind", [np.array, lambda v: torch.tensor(v, dtype=torch.float64)])
def test_lists_arrays_and_tensors_have_the_same_metrics(kind):
    expected = _of_matrix(SQUARE, *BESIDE)
    found = _of_matrix(kind(SQUARE), *map(kind, BESIDE))
    assert found == expected
    assert {type(v) for v in found.values()} == {float, list}
    curves = [[[0.1, v] for v in row] for row in SQUARE]
    by_depth = metrics.forgetting_by_depth(kind(curves))
    assert by_depth == metrics.forgetting_by_depth(curves)
    assert metrics.utilised_depth(kind([0.1, 0.8, 0.8])) == 1
    assert metrics.changes(kind(CORRECT)) == metrics.changes(CORRECT)
    exits = np.array([0, 2, 2]) if kind is np.array else torch.tensor([0, 2, 2])
    assert metrics.flops_saved(exits, kind([10, 20, 30])) == pytest.approx(2 / 9)


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
@pytest.mark.parametrize("cell", [(0, 0), (0, 1), (2, 0), (2, 2)])
def test_a_nan_is_a_cell_that_was_not_measured(kind, cell):
    gap, nan = [list(row) for row in SQUARE], [list(row) for row in SQUARE]
    gap[cell[0]][cell[1]], nan[cell[0]][cell[1]] = None, math.nan
    expected = _of_matrix(gap, *BESIDE)
    found = _of_matrix(kind(nan), *BESIDE)
    missing = {name for name, value in expected.items() if value in (None, [None, None])}
    assert missing == {name for name, value in found.items() if value in (None, [None, None])}
    assert missing


def test_an_initial_accuracy_that_was_not_measured_gives_no_forward_transfer():
    for unknown in (None, math.nan):
        assert metrics.forward_transfer(SQUARE, [0.2, unknown, 0.1]) is None
        assert metrics.intransigence(SQUARE, [0.2, 0.1, unknown]) is None


def test_no_experience_has_no_metric():
    values = _of_matrix([], [], [], [])
    assert {name for name, value in values.items() if value not in (None, [])} == set()


@pytest.mark.parametrize(
    ("curve", "message"),
    [
        ([], "depth_accuracy is empty"),
        (np.array([]), "depth_accuracy is empty"),
        ([0.1, math.nan], r"depth_accuracy\[1\] was not measured: it is nan"),
        ([None, 0.8], r"depth_accuracy\[0\] was not measured: it is None"),
    ],
)
def test_a_curve_without_depths_or_with_a_gap_has_no_utilised_depth(curve, message):
    with pytest.raises(ValueError, match=message):
        metrics.utilised_depth(curve)


def test_no_depths_have_no_sufficient_depth():
    with pytest.raises(ValueError, match="correct is empty"):
        metrics.sufficient_depth([])


def test_the_mean_of_nothing_and_of_a_gap_is_none():
    assert metrics.mean([]) is None
    assert metrics.mean([0.5, None]) is None
    assert metrics.mean([0.5, math.nan]) is None
    assert metrics.mean([0.0, 1.0]) == 0.5


@pytest.mark.parametrize(
    ("curve", "tolerance", "expected"),
    [
        ([0.1, 0.5, 0.795, 0.8], 0.01, 2),
        ([0.1, 0.5, 0.79, 0.8], 0.01, 2),  # exactly at the tolerance, less rounding
        ([0.1, 0.5, 0.789, 0.8], 0.01, 3),
        ([0.1, 0.8, 0.5, 0.8], 0.01, 1),  # the smallest, though a later one falls short
        ([0.1, 0.8, 0.8, 0.8], 0.0, 1),  # ties: the smallest
        ([0.1, 0.9, 0.85, 0.8], 0.01, 1),  # better before the end
        ([0.8, 0.8, 0.8, 0.8], 0.01, 0),  # the embedding alone
        ([0.1, 0.2, 0.3, 0.8], 1.0, 0),
        ([0.8], 0.01, 0),
    ],
)
def test_utilised_depth_is_the_first_depth_within_the_tolerance(curve, tolerance, expected):
    assert metrics.utilised_depth(curve, tolerance) == expected


@pytest.mark.parametrize("tolerance", [-0.01, float("nan")])
def test_a_tolerance_that_no_depth_can_meet_is_refused(tolerance):
    with pytest.raises(ValueError, match="tolerance"):
        metrics.utilised_depth([0.1, 0.8], tolerance)


# ten examples; after 0, 1, 2, 3 blocks
CORRECT = [
    [0, 0, 0, 0, 0, 0, 0, 0, 1, 1],
    [1, 1, 1, 1, 1, 1, 0, 0, 1, 0],
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 0],
    [1, 1, 1, 1, 1, 1, 1, 1, 0, 0],
]


def test_changes_are_counted_both_ways():
    assert metrics.changes(CORRECT) == [[8, 2], [2, 1], [0, 1], [0, 0]]


def test_the_sufficient_depth_is_above_the_first_depth_that_fails():
    # 1,000 examples; lost and gained after 0, 1, 2, 3, 4 blocks: depth 1 would pass, but 2 does not
    counted = [[300, 10], [1, 1], [40, 5], [4, 4], [0, 0]]
    assert metrics.sufficient_depth_of_changes(counted, 1000) == 3
    assert metrics.sufficient_depth_of_changes(counted, 1000, epsilon=0.1) == 1
    assert metrics.sufficient_depth_of_changes(counted, 1000, confidence=0.9999) == 4
    assert metrics.sufficient_depth_of_changes([[0, 0]], 1000) == 0


def test_the_sufficient_depth_of_examples_is_that_of_their_changes():
    many = [row * 100 for row in CORRECT]
    assert metrics.sufficient_depth(many) == 2
    assert metrics.sufficient_depth(many, epsilon=0.2) == 1
    assert metrics.sufficient_depth(CORRECT) == 3  # ten examples show nothing


@pytest.mark.parametrize("epsilon", [0.0, -0.01, 1.0, float("nan")])
def test_a_margin_that_no_depth_can_meet_is_refused(epsilon):
    with pytest.raises(ValueError, match="margin"):
        metrics.sufficient_depth(CORRECT, epsilon)


def test_above_chance_means_two_standard_errors():
    # chance 0.2 over 400: one standard error is 0.02
    assert metrics.above_chance(0.24, 0.2, 400)
    assert not metrics.above_chance(0.239, 0.2, 400)


def test_nothing_is_above_the_chance_level_of_one_class():
    assert not metrics.above_chance(1.0, 1.0, 400)


ERRORS = {"fog": [0.2, 0.4], "gaussian": [0.3, 0.3]}
REFERENCE = {"fog": [0.4, 0.8], "gaussian": [0.2, 0.2]}


def test_mean_corruption_error_is_a_mean_of_ratios():
    # (0.6 / 1.2 + 0.6 / 0.4) / 2
    assert metrics.mean_corruption_error(ERRORS, REFERENCE) == pytest.approx(1.0)


def test_relative_corruption_error_takes_each_clean_error_off_each_severity():
    # fog: (0.1 + 0.3) / (0.3 + 0.7) = 0.4; gaussian: (0.2 + 0.2) / (0.1 + 0.1) = 2
    value = metrics.relative_mean_corruption_error(ERRORS, 0.1, REFERENCE, 0.1)
    assert value == pytest.approx(1.2)


def test_a_model_is_its_own_reference_at_one():
    assert metrics.mean_corruption_error(ERRORS, ERRORS) == pytest.approx(1.0)
    assert metrics.relative_mean_corruption_error(ERRORS, 0.1, ERRORS, 0.1) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "reference",
    [{}, {"fog": [0.4, 0.8]}, {"fog": [0.4, 0.8], "gaussian": [0.2]}],
    ids=["none", "a corruption short", "a severity short"],
)
def test_corruptions_or_severities_that_differ_are_refused(reference):
    with pytest.raises(ValueError, match="same corruptions and severities"):
        metrics.mean_corruption_error(ERRORS, reference)


@pytest.mark.parametrize("unknown", [math.nan, None])
def test_a_corruption_error_with_a_gap_is_refused(unknown):
    gap = {"fog": [0.2, unknown], "gaussian": [0.3, 0.3]}
    for errors, reference in ((gap, REFERENCE), (REFERENCE, gap)):
        with pytest.raises(ValueError, match="an error under 'fog' was not measured"):
            metrics.mean_corruption_error(errors, reference)


def test_a_reference_that_loses_nothing_is_no_reference():
    with pytest.raises(ValueError, match="'fog'"):
        metrics.mean_corruption_error({"fog": [0.2]}, {"fog": [0.0]})
    with pytest.raises(ValueError, match="'fog'"):
        metrics.relative_mean_corruption_error({"fog": [0.2]}, 0.1, {"fog": [0.1]}, 0.1)


# ---------------------------------------------------------------- early exit


def test_flops_saved_are_those_that_leaving_early_did_not_need():
    # two of four leave after 1 block of 4, one after 2, one takes all: (2 + 2 + 4 + 8) / 4 = 4 of 8
    flops = [0, 2, 4, 6, 8]
    assert metrics.flops_saved([1, 1, 2, 4], flops) == pytest.approx(0.5)
    assert metrics.flops_saved([4, 4], flops) == 0
    # against a network of another cost, and with exits that cost more than leaving gains
    assert metrics.flops_saved([1, 2], {1: 3, 2: 5}, full=16) == pytest.approx(0.75)
    assert metrics.flops_saved([2], {1: 3, 2: 10}, full=8) == pytest.approx(-0.25)


def test_flops_of_no_example_or_of_an_unknown_depth_are_refused():
    with pytest.raises(ValueError, match="no examples"):
        metrics.flops_saved([], [1, 2])
    with pytest.raises(LookupError, match=r"flops has no depth 3\. Known: 1, 2"):
        metrics.flops_saved([1, 3], {1: 3, 2: 5})
