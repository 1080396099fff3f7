"""The table of a robustness report that has every score of every condition."""

from acn_bench import catalog
from acn_bench.analysis.comparison import compare
from acn_bench.benchmarks.robustness.example import example_record
from acn_bench.benchmarks.robustness.score_table import SCORE_TABLE


def table(*records):
    section = SCORE_TABLE.build(compare(records, catalog.benchmark("noise_cifar10")))
    (one,) = section.tables
    return one


def texts(part):
    return [[cell.text for cell in row] for row in part.rows]


def test_each_score_has_a_row_for_every_condition_and_a_number_for_every_level():
    scores = table(
        *(example_record(wiring, seed) for wiring in ("ac", "residual") for seed in (0, 1))
    )
    titles = [part.title.partition(",")[0] for part in scores.parts]
    assert titles == ["Accuracy", "NLL", "Calibration error in 15 bins", "Brier score"]
    assert [row[0] for row in texts(scores.parts[0])] == [
        "clean", "gaussian 0.2", "salt and pepper 0.05", "contrast 1 · 5", "pixelate 1 · 5",
    ]  # fmt: skip
    # AC: clean 0.80 and 0.81, less 0.1 at severity 1 and 0.4 at 5; residual 0.05 lower
    assert texts(scores.parts[0])[3][1:] == ["70.5 · 40.5", "65.5 · 35.5"]
    assert texts(scores.parts[1])[0][1:] == ["0.195", "0.195"]
    assert texts(scores.parts[2])[4][1:] == ["10.0 · 10.0", "10.0 · 10.0"]


def test_an_arm_that_was_not_run_has_a_dash():
    scores = table(example_record("ac"))
    assert all(len(row) == len(scores.columns) for row in texts(scores.parts[0]))
    assert texts(scores.parts[0])[0][1] == "80.0"
