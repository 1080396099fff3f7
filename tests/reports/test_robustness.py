import pytest

from acn_bench import reports
from acn_bench.analysis import depth_metrics
from acn_bench.analysis.comparison import compare
from acn_bench.benchmarks.continual import metrics
from acn_bench.benchmarks.continual.figures import figures
from acn_bench.benchmarks.continual.kind import KIND
from acn_bench.benchmarks.continual.result import NoiseResult

MILD = [[0.7, None, None], [0.5, 0.6, None], [0.4, 0.5, 0.8]]  # forgets (0.3 + 0.1) / 2
HARD = [[0.4, None, None], [0.3, 0.5, None], [0.3, 0.4, 0.6]]  # forgets (0.1 + 0.1) / 2


def noisy(record, *matrices, **more):
    noise = [
        NoiseResult(corruption="gaussian", level=0.1 * (k + 1), accuracy=R)
        for k, R in enumerate(matrices)
    ]
    return record(experiences=3, result={"noise": noise}, **more)


def drawn(made):
    """The figures of these records, by name."""
    made_of = (draw() for draw in figures(compare(made)))
    return {figure.name: figure for figure in made_of if figure}


def names(made):
    """The names of the figures that are drawn of these records."""
    return set(drawn(made))


def test_robust_forgetting_is_forgetting_of_the_noisy_matrices(record):
    assert KIND.metrics["robust_forgetting"].of(noisy(record, MILD)) == pytest.approx(0.2)
    assert KIND.metrics["robust_forgetting"].of(noisy(record, MILD, HARD)) == pytest.approx(0.15)


def test_noise_at_the_end_alone_says_how_to_measure_forgetting_under_it(record):
    made = record()

    assert KIND.metrics["robust_forgetting"].of(made) is None
    assert "noise_after=every" in KIND.metrics["robust_forgetting"].why_not(made)
    assert "joint" in KIND.metrics["robust_forgetting"].why_not(record("joint"))
    assert "no noise" in KIND.metrics["robust_forgetting"].why_not(record(result={"noise": []}))


def test_forgetting_under_noise_is_drawn_where_it_was_measured(record):
    every = [noisy(record, MILD, HARD, wiring=w) for w in ("ac", "residual")]
    result = names(every)
    at_the_end = names([record()])

    assert {"robust_forgetting-pairs", "noise-forgetting"} <= result
    assert not {"robust_forgetting-pairs", "noise-forgetting"} & at_the_end
    assert "Forgetting under noise, points" in reports.render(compare(every), "html")


# ---------------------------------------------------------------- cut to fewer blocks

R = [
    [[0.3, 0.8], None, None],
    [[0.2, 0.6], [0.5, 0.7], None],
    [[0.2, 0.75], [0.4, 0.65], [0.6, 0.9]],
]


def test_forgetting_and_the_depth_curve_are_read_at_every_depth(record):
    made = record(depth=1, experiences=3, result={"depth_accuracy": R})

    assert metrics.forgetting_by_depth(made) == pytest.approx([0.1, 0.05])
    assert metrics.depth_curve_after(made, "test", 0) == pytest.approx([0.3, 0.8])
    assert metrics.depth_curve_after(made, "test", 1) == pytest.approx([0.35, 0.65])
    assert metrics.depth_curve_after(made, "test", 2) == depth_metrics.depth_curve(made, "test")


def test_with_one_head_a_depth_curve_leaves_out_experiences_that_are_yet_to_come(record):
    full = [[cell or [0.0, 0.0] for cell in row] for row in R]
    made = record(depth=1, experiences=3, result={"depth_accuracy": full})

    assert metrics.depth_curve_after(made, "test", 1) == pytest.approx([0.35, 0.65])


def test_forgetting_cut_to_utilised_depth_is_that_of_its_depth(record):
    made = record()  # its held-out curve reaches full depth after three blocks
    k = depth_metrics.utilised_depth(made)

    assert k < made.config.backbone.depth
    expected = metrics.forgetting_by_depth(made)[k]
    assert KIND.metrics["truncated_forgetting"].of(made) == pytest.approx(expected)
    assert KIND.metrics["truncated_forgetting"].of(record("joint")) is None


def test_depths_over_the_stream_are_drawn_for_what_learns_in_turn(record):
    result = drawn([record(), record("joint")])

    assert len(result["depth-stream"].parts) == 1
    assert result["depth-stream"].parts[0].heading == "naive · plain"
    assert "forgetting-depth" in result
    assert "depth-stream" not in names([record("joint")])
