"""The same matrices by every definition, and the reason where a scenario has none."""

import csv
from io import StringIO

import pytest

from acn_bench import reports
from acn_bench.analysis.comparison import compare
from acn_bench.benchmarks.continual.definition_table import definition
from acn_bench.benchmarks.continual.definitions import DEFINITIONS
from acn_bench.benchmarks.continual.kind import KIND
from acn_bench.reports import csv as csv_report
from acn_bench.reports import views
from acn_bench.reports.markdown import escaped

# The worked examples of tests/test_metrics.py: B and C part the definitions
B = [[0.8, None, None], [0.6, 0.7, None], [0.85, 0.65, 0.9]]
C = [[0.6, None, None], [0.8, 0.7, None], [0.75, 0.65, 0.9]]


def of_matrix(record, R, wiring="ac", **more):
    return record(wiring=wiring, experiences=3, result={"accuracy": R, **more})


def values(made):
    """name -> value for AC, of records of one group."""
    (group,) = compare(made).groups
    return {name: group.cell("ac", name).mean for name in (m.name for m in DEFINITIONS)}


def definitions(comparison):
    """name -> the part of the table."""
    return {m.name: definition(comparison, m) for m in DEFINITIONS}


def test_the_definitions_part_ways_with_backward_transfer(record):
    b, c = values([of_matrix(record, B)]), values([of_matrix(record, C)])
    kinds = ("forgetting", "forgetting_chaudhry", "forgetting_max")

    assert [b[k] for k in kinds] == pytest.approx([0.0, 0.0, 0.025])
    assert [c[k] for k in kinds] == pytest.approx([-0.05, 0.05, 0.05])
    assert c["backward_transfer"] == pytest.approx(0.05)
    assert c["backward_transfer_every_row"] == pytest.approx(0.1)
    assert c["anytime_accuracy"] == pytest.approx(4.4 / 6)


def test_stream_accuracy_counts_the_records_test_examples(record):
    uneven = values([of_matrix(record, C, test_counts=[100, 100, 200])])

    assert uneven["average_accuracy"] == pytest.approx(2.3 / 3)
    assert uneven["stream_accuracy"] == pytest.approx((75 + 65 + 180) / 400)


def test_a_task_incremental_run_has_the_reason_why_nothing_transfers_forward(records):
    entries = definitions(compare(records(("naive",))))

    for name in ("forward_transfer", "forward_transfer_no_initial", "forward_transfer_every_row"):
        assert entries[name].rows == ()
        (sentence,) = entries[name].notes
        assert sentence.startswith("not defined here: each experience has a head of its own")


def test_with_one_head_all_three_kinds_of_forward_transfer_have_a_value(record):
    R = [[0.8, 0.3, 0.2], [0.6, 0.7, 0.4], [0.75, 0.65, 0.9]]
    made = record(
        experiences=3,
        benchmark={"heads": "one"},
        result={"accuracy": R, "initial_accuracy": [0.2, 0.25, 0.1]},
    )

    measured = values([made])
    assert measured["forward_transfer"] == pytest.approx((0.05 + 0.3) / 2)
    assert measured["forward_transfer_no_initial"] == pytest.approx(0.35)
    assert measured["forward_transfer_every_row"] == pytest.approx(0.3)


def test_what_cannot_predict_before_training_has_no_transfer_and_says_so(record):
    R = [[0.8, 0.0], [0.6, 0.7]]
    made = record(experiences=2, benchmark={"heads": "one"}, result={"accuracy": R})
    entry = definitions(compare([made]))["forward_transfer"]

    assert entry.notes == (
        "not defined here: before its first training the strategy has nothing to predict with",
    )


def test_intransigence_is_against_joint_training_of_the_same_wiring_and_seed(record):
    end = [[None, None, None], [None, None, None], [0.85, 0.8, 0.95]]
    joint = record("joint", experiences=3, result={"accuracy": end})
    other = record("joint", "residual", experiences=3)
    comparison = compare([of_matrix(record, C), joint, other, of_matrix(record, C, "residual")])
    naive = next(g for g in comparison.groups if g.strategy == "naive")

    assert naive.cell("ac", "intransigence").mean == pytest.approx(0.05)
    assert naive.cell("ac", "intransigence_mean").mean == pytest.approx((0.25 + 0.1 + 0.05) / 3)
    R = other.result.accuracy[-1]
    assert naive.cell("residual", "intransigence").mean == pytest.approx(R[2] - 0.9)
    entry = definitions(comparison)["intransigence"]
    assert [row[0].text for row in entry.rows] == [naive.label]
    assert entry.notes == ("not defined for joint · plain: this is joint training",)


def test_the_newest_joint_training_is_the_reference_whatever_files_its_strategy_has(record):
    """A run's code is a hash of its strategy's files too, so that no two strategies share it."""
    ends = [[None, None, None], [None, None, None], [0.85, 0.8, 0.95]]
    old, new = (
        record(
            "joint",
            experiences=3,
            code=code,
            provenance={"time": time},
            result={"accuracy": [*ends[:2], [0.85, 0.8, last]]},
        )
        for code, time, last in (
            ("bbbbbbbb", "2026-01-01T00:00:00+00:00", 0.5),
            ("cccccccc", "2026-01-02T00:00:00+00:00", 0.95),
        )
    )
    for made in ([old, new], [new, old]):
        groups = compare([of_matrix(record, C), *made]).groups
        naive = next(g for g in groups if g.strategy == "naive")
        assert naive.cell("ac", "intransigence").mean == pytest.approx(0.05)


@pytest.mark.parametrize("other", [{"seed": 1}, {"depth": 10}])
def test_joint_training_of_something_else_is_no_reference(record, other):
    comparison = compare([record(), record("joint", **other)])

    assert all(g.cell("ac", "intransigence").n == 0 for g in comparison.groups)


def test_joint_training_has_an_end_and_nothing_before_it(records):
    entries = definitions(compare(records(("joint",))))

    assert entries["average_accuracy"].notes == entries["stream_accuracy"].notes == ()
    for name in ("forgetting_max", "anytime_accuracy", "backward_transfer_every_row"):
        assert "joint training" in entries[name].notes[0]


def test_every_definition_names_its_formula_its_source_and_who_prints_it(records, card):
    comparison = compare(records(("naive", "joint")), card)
    html, text = reports.render(comparison, "html"), reports.render(comparison, "md")

    for metric in DEFINITIONS:
        assert metric.definition
        assert metric.source
        assert metric.printed_by
        assert KIND.metrics[metric.name] is metric
        assert metric.title in html
        assert f"**{escaped(views.metric_title(metric))}**: {escaped(metric.definition)}" in text
    assert "printed by Avalanche (StreamForgetting)" in html


def test_csv_has_every_definition_of_each_run(records):
    made = records(("naive", "joint"))
    rows = list(csv.DictReader(StringIO(csv_report.runs(compare(made)))))
    values = {(r["run_id"], r["metric"]): r["value"] for r in rows}

    naive, joint = made[0], next(r for r in made if r.config.strategy.name == "joint")
    expected = joint.result.accuracy[-1][-1] - naive.result.accuracy[-1][-1]
    assert float(values[naive.run_id, "intransigence"]) == pytest.approx(expected)
    assert values[joint.run_id, "intransigence"] == ""
