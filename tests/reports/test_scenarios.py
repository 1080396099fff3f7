"""What a report of a class-incremental benchmark must get right."""

import msgspec
import pytest

from acn_bench import catalog, reports
from acn_bench.analysis import presets
from acn_bench.analysis.comparison import compare
from acn_bench.benchmarks.continual import class_orders, definitions, metrics
from acn_bench.benchmarks.continual.kind import KIND
from acn_bench.benchmarks.continual.result import Validation
from acn_bench.reports import views
from acn_bench.reports.sections import overview
from acn_bench.reports.sections.setting import description

T = 3
FULL = [[0.8, 0.0, 0.0], [0.3, 0.7, 0.0], [0.1, 0.4, 0.9]]
MASKED = [[0.8, 0.2, 0.3], [0.6, 0.7, 0.2], [0.5, 0.6, 0.9]]
INITIAL = [0.10, 0.05, 0.06]


@pytest.fixture
def classes(record):
    """Records of both arms, one head over 15 classes; `classes(preset=…, strategy=…)`."""

    def make(strategy="naive", wiring="ac", *, preset="", **benchmark):
        made = record(
            strategy,
            wiring,
            experiences=T,
            benchmark={"heads": "one", **benchmark},
            result={"accuracy": FULL, "masked_accuracy": MASKED, "initial_accuracy": INITIAL},
        )
        return replace(made, preset=preset) if preset else made

    return make


def replace(made, **config):

    changed = msgspec.structs.replace(made.config, **config)
    return msgspec.structs.replace(made, config=changed, run_id=changed.run_id)


def test_chance_is_among_all_classes_and_masked_among_those_of_the_experience(classes):
    assert definitions.chance(classes()) == pytest.approx(1 / 15)
    assert metrics.masked_chance(classes()) == pytest.approx(1 / 5)


def test_with_a_head_each_nothing_is_masked(record):
    made = record()
    assert metrics.masked_chance(made) is None
    assert KIND.metrics["masked_accuracy"].of(made) is None
    assert KIND.metrics["forward_transfer"].of(made) is None


def test_forgetting_masked_accuracy_and_forward_transfer_by_hand(classes):
    made = classes()
    assert definitions.forgetting(made) == pytest.approx((0.7 + 0.3) / 2)
    assert KIND.metrics["masked_accuracy"].of(made) == pytest.approx(2.0 / 3)
    assert KIND.metrics["forward_transfer"].of(made) == pytest.approx((-0.05 - 0.06) / 2)


def test_chance_stands_beside_each_accuracy_of_a_class_incremental_table(classes, record):
    comparison = compare([classes(), classes(wiring="residual")])
    titles = [row.metric for row in views.quality(comparison, comparison.groups[0])]
    assert any(
        t.startswith("Accuracy at the end") and t.endswith("chance level 6.7") for t in titles
    )
    assert any(t.startswith("Masked accuracy") and t.endswith("chance level 20.0") for t in titles)
    setting = dict(description(comparison))
    assert setting["Chance level"] == "6.67 % accuracy; 20 % masked to the experience"
    assert "class-incremental" in setting["Stream"]
    with_heads = compare([record(), record(wiring="residual")])
    rows = views.quality(with_heads, with_heads.groups[0])
    assert not any("chance level" in row.metric for row in rows)


def test_lower_and_upper_bound_stand_around_the_others_in_one_table(classes):
    result = [classes(s, w) for s in ("joint", "si", "naive") for w in ("ac", "residual")]
    comparison = compare(result, catalog.benchmark("split_cifar100"))
    (table,) = overview.build(comparison).tables
    rows = [row for _, row in table.rows]
    assert [(row[0].text.split()[0], row[0].detail) for row in rows] == [
        ("naive", "lower bound"),
        ("si", ""),
        ("joint", "upper bound"),
    ]
    assert all(len(row) == len(table.columns) for row in rows)
    assert table.columns[1].group.endswith("chance level 6.7")
    html = reports.render(comparison, "html")
    assert "Strategies side by side" in html
    assert "masked to the experience" in html
    assert overview.build(compare([classes()])) is None


def test_a_fixed_order_of_classes_is_named_with_its_hash(classes):
    setting = dict(description(compare([classes(class_order="natural")])))
    assert setting["Class order"].startswith("natural")
    assert class_orders.digest(range(100)) in setting["Class order"]
    assert "Class order" not in dict(description(compare([classes()])))


def test_a_preset_lists_what_was_done_otherwise(classes):
    card = catalog.benchmark("split_cifar100_class")
    result = [classes(wiring=w, preset="mammoth") for w in ("ac", "residual")]
    comparison = compare(result, card)
    (departure,) = presets.departures(comparison)
    assert departure.preset == "mammoth"
    assert "epochs: 10 instead of 50" in departure.sentences
    assert "class order: seed instead of natural" in departure.sentences
    assert any(
        s.startswith("backbone: ResNet-18 as published; here ac_mixer") for s in departure.sentences
    )
    assert not any(s.startswith("heads:") for s in departure.sentences)
    assert "epochs: 10 instead of 50" in reports.render(comparison, "html")
    assert "- epochs: 10 instead of 50" in reports.render(comparison, "md")
    plain = compare([classes()], card)
    assert presets.departures(plain) == []


def test_older_records_of_one_class_a_head_have_a_report_without_utilised_depths(record):
    R = [[1.0 if j <= i else None for j in range(T)] for i in range(T)]
    curves = [[None if value is None else [1.0] * 6 for value in row] for row in R]
    result = {"classes": [[e] for e in range(T)], "accuracy": R, "depth_accuracy": curves}
    held_out = Validation(accuracy=R, depth_accuracy=curves, counts=[50] * T)
    made = [
        record(
            "naive", wiring, seed, experiences=T, benchmark={"classes_per_experience": 1},
            result=result | {"validation": held_out},
        )
        for wiring in ("ac", "residual")
        for seed in (0, 1)
    ]  # fmt: skip
    comparison = compare(made, catalog.benchmark("split_cifar100"))
    assert reports.report(comparison, drawings=False).sections
    assert {definitions.chance(r) for r in made} == {1.0}
    assert [KIND.metrics["utilised_depth"].of(r) for r in made] == [None] * 4
