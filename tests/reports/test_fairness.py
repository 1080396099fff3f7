"""Equal epochs, equal images and equal seconds: the same comparison, three times, in one table."""

import pytest

from acn_bench import reports
from acn_bench.analysis.caveats import caveats, not_comparable
from acn_bench.analysis.comparison import compare
from acn_bench.benchmarks.continual.fairness import fairness, views_run
from acn_bench.reports import tables
from acn_bench.result import Guard


@pytest.fixture
def views(records):
    """Makes the comparison of these budgets."""

    def make(*budgets, **more):
        made = [
            r
            for budget in budgets
            for r in records(benchmark={"budget": budget}, seeds=(0, 1), **more)
        ]
        return compare(made)

    return make


def titles(entry):
    return [row[0].text for row in entry.rows]


def test_views_stand_side_by_side_for_each_strategy(views):
    naive, si = fairness(views("20s", "images", "epochs"))
    assert (naive.title, si.title) == ("naive · plain", "si · plain")
    for entry in (naive, si):
        assert titles(entry) == ["epochs", "images", "seconds (20 s)"]
        assert entry.detail == "n = 2"
        assert entry.notes == ()


def test_each_view_is_paired_by_itself(views):
    comparison = views("epochs", "images")
    entry = fairness(comparison)[0]
    for row, group in zip(entry.rows, comparison.groups, strict=False):
        ac, residual, difference = row[-3:]
        assert (ac.text, residual.text) != (difference.text, difference.detail)
        assert difference.text in tables.plain(comparison)
        assert difference.detail in tables.plain(comparison)
        assert {r.config.benchmark.budget for r in group.records} in ({"epochs"}, {"images"})


def test_records_of_different_budgets_are_never_averaged(views):
    comparison = views("epochs", "images", "5s", "20s")
    assert len(comparison.groups) == 2 * 4
    (entry,) = fairness(views("epochs", "5s", "20s", strategies=("naive",)))
    assert titles(entry)[1:] == ["seconds (5 s)", "seconds (20 s)"]


def test_what_was_not_run_is_named_with_what_runs_it(views):
    assert views_run(views("epochs")) == (
        "equal epochs; not run: equal images and equal seconds (--set budget=images,20s)"
    )
    assert views_run(views("epochs", "images", "3s")) == (
        "equal epochs, equal images and equal seconds"
    )
    (entry,) = fairness(views("epochs", "images", strategies=("naive",)))
    assert entry.notes == ("not run: equal seconds",)


def test_one_view_makes_no_table(views):
    assert fairness(views("epochs")) == []
    assert "Three views" not in reports.render(views("epochs"), "html")


def test_images_and_seconds_of_both_arms_stand_beside_where_they_differ(record):
    made = [
        record("naive", wiring, benchmark={"budget": budget}, result={"images_seen": seen})
        for wiring, budget, seen in [
            ("ac", "epochs", 2700),
            ("residual", "epochs", 2700),
            ("ac", "9s", 2100),
            ("residual", "9s", 3300),
        ]
    ]
    (entry,) = fairness(compare(made))
    assert [row[1].text for row in entry.rows] == ["2,700", "2,100 /\n3,300"]


@pytest.mark.parametrize("name", ["html", "md", "latex", "csv"])
def test_every_format_has_the_table(views, name):
    text = reports.render(views("epochs", "images", "20s"), name)
    assert "Three views of fairness" in text
    assert "seconds (20 s)" in text
    assert "such a run cannot be repeated exactly" in text


def test_the_setting_says_what_ends_an_experience(views):
    text = reports.render(views("epochs", "images", "20s"), "md")
    assert "as many images per experience as 10 epochs hold" in text
    assert "20 s per experience" in text
    assert "Fair by: equal epochs; or equal images; or equal seconds (20 s)" in text


def test_a_guard_that_failed_in_many_runs_is_one_sentence(records):
    def failing(share):
        guard = Guard(name="undisturbed", passed=False, detail=f"{share} %")
        return {"guards": [guard]}

    made = [
        r
        for seed, share in enumerate((10, 20, 30, 40))
        for r in records(("naive",), ("ac",), (seed,), provenance=failing(share))
    ]
    message = [s for s in caveats(compare(made)) if "guard" in s]
    assert message == ["A guard failed in 4 runs: undisturbed: 10 %; 20 %; 30 %; and 1 more."]


def test_a_check_that_failed_in_many_runs_is_one_reason(record):
    made = [
        record("naive", "ac", seed, provenance={"comparable": False, "why_not": [reason]})
        for seed, reason in enumerate(("check failed: alone (10 %)", "check failed: alone (20 %)"))
    ]
    assert list(not_comparable(compare(made))) == [
        "No run is comparable with published figures: check failed: alone."
    ]
