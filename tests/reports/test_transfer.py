"""The report of a transfer: arms by wiring and scheme, AC beside each, and how alike they were on the source."""

import pytest

from acn_bench import catalog, records, reports
from acn_bench.analysis import depth_metrics, published
from acn_bench.analysis.caveats import caveats
from acn_bench.analysis.comparison import compare
from acn_bench.analysis.groups import arm_order, arm_title
from acn_bench.benchmarks.transfer.kind import KIND
from acn_bench.reports import csv as csv_report
from acn_bench.reports import tables, views
from acn_bench.reports.figures.style import look

PARTS = [("ac", "plain"), ("residual", "plain"), ("residual", "aligned"), ("residual", "layerskip")]
ARMS = ["ac", "residual", "residual+aligned", "residual+layerskip"]


@pytest.fixture(scope="module")
def card():
    return catalog.benchmark("transfer_cifar")


@pytest.fixture(scope="module")
def made(transfer_record):
    return [transfer_record(w, s, seed) for w, s in PARTS for seed in range(3)]


@pytest.fixture(scope="module")
def comparison(made, card):
    return compare(made, card)


def test_a_scheme_tells_arms_apart_and_makes_no_group(comparison):
    (group,) = comparison.groups
    assert list(group.arms) == comparison.arms == ARMS
    assert list(group.baselines) == comparison.baselines == ARMS[1:]
    assert arm_title("residual+aligned") == "residual + aligned"
    assert sorted([*ARMS, "feedforward"], key=arm_order)[-1] == "feedforward"
    assert len({look(arm) for arm in ARMS}) == 4


def test_each_claim_is_of_ac_and_the_arm_that_it_names(comparison):
    result = {v.claim.name: v for v in comparison.verdicts}
    assert {name: v.outcome for name, v in result.items()} == {
        "transfers_better": "holds",
        "transfers_better_than_aligned": "holds",
        "transfers_better_than_layerskip": "no verdict",
        "needs_fewer_layers": "undecided",  # three pairs that all differ by the same
    }
    reason = result["transfers_better_than_layerskip"].reason
    assert reason == "not matched: 3 of 3 runs of residual + layerskip"
    aligned = result["transfers_better_than_aligned"].difference
    group = comparison.groups[0]
    ac, other = (group.cell(a, "finetuned_accuracy").mean for a in ("ac", "residual+aligned"))
    assert aligned.mean == pytest.approx(ac - other)
    assert aligned.n == 3


def test_a_claim_whose_arm_was_not_run_has_no_verdict(card, transfer_record):
    some = [transfer_record(w, "plain", s) for w in ("ac", "residual") for s in range(3)]
    result = {v.claim.name: v for v in compare(some, card).verdicts}
    assert result["transfers_better"].outcome == "holds"
    missing = result["transfers_better_than_layerskip"]
    assert (missing.outcome, missing.reason) == ("no verdict", "residual + layerskip not run")


def test_the_table_has_ac_less_each_other_arm(comparison):
    rows = views.quality(comparison, comparison.groups[0])
    assert rows[0].metric.startswith("Target accuracy, fine-tuned")
    assert len(rows[0].cells) == 4
    assert views.differences(comparison) == [
        "AC − residual", "AC − residual + aligned", "AC − residual + layerskip",
    ]  # fmt: skip
    cells = views.different(rows[0].against)
    assert len(cells) == 3
    assert all(cell.startswith("+") and "[" in cell for cell in cells)


def test_utilised_depth_and_its_chance_are_of_the_fine_tuned_network(made):
    record = made[0]
    assert depth_metrics.utilised_depth(record) == 5
    assert KIND.metrics["cut_depth"].value(record) == 3
    assert KIND.metrics["parameters_utilised"].value(record) == 6000


def test_arms_that_never_reached_the_source_accuracy_are_named(comparison):
    (message,) = [s for s in caveats(comparison) if "never reached" in s]
    assert message.startswith("plain, residual + layerskip: 3 of 3 runs never reached 40 %")
    assert "at 36.0 %" in message


def test_where_nothing_could_be_cut_the_report_says_so(card, transfer_record):
    some = [transfer_record(w, "plain", s, cut=None) for w in ("ac", "residual") for s in range(2)]
    made = compare(some, card)
    assert any("no depth could be chosen to cut to" in s for s in caveats(made))
    assert made.groups[0].cell("ac", "finetuned_cut_accuracy").n == 0
    (depth,) = made.of_claim("needs_fewer_layers")
    assert "has no value in any pair: no depth could be chosen" in depth.reason


def test_the_papers_table_stands_beside_ours_on_its_data_alone(card, transfer_record):
    full = [transfer_record(w, s, n, depth=16, canonical=True) for w, s in PARTS for n in range(2)]
    (entry,) = published.published_comparisons(compare(full, card))
    assert entry.same_stream
    assert [r.published.wiring for r in entry.rows] == ["ac", "residual+aligned", "residual+layerskip"]  # fmt: skip
    gaps = {g.against: g.published for g in entry.gaps("finetuned_accuracy")}
    assert gaps["residual+aligned"] == pytest.approx(0.0248)
    assert any(word.startswith("finetune epochs") for word in entry.open)
    digits = [transfer_record("ac", "plain", 0, depth=16, data="digits100", target="digits10")]
    (other,) = published.published_comparisons(compare(digits, card))
    assert not other.same_stream


def test_the_page_and_the_tables_are_whole(comparison):
    html = reports.render(comparison, "html")
    for words in (
        "AC − residual + aligned", "residual + layerskip", "How the arms were matched",
        "Accuracy by depth, before and after", "by source accuracy: an arm stops", "cifar10",
    ):  # fmt: skip
        assert words in html, words
    assert 'id="definitions"' not in html
    assert reports.render(comparison, "html") == html
    for text in (
        tables.plain(comparison),
        reports.render(comparison, "md"),
        reports.render(comparison, "latex"),
    ):
        assert "Target accuracy, linear probe" in text
    lines = csv_report.runs(comparison).splitlines()
    assert sum("finetuned_accuracy" in line for line in lines) == 12
    assert not any(",forgetting," in line for line in lines)


def test_a_record_of_a_transfer_is_loaded_as_it_was_saved(tmp_path, made, transfer_record):
    path = records.save(made[0], tmp_path)
    assert records.load(path) == made[0]
    assert made[1].run_id.startswith("ac_mixer-plain-d5-s1-")
    assert transfer_record("residual", "aligned").run_id.startswith(
        "residual_mixer-plain-d5-aligned-s0-"
    )
