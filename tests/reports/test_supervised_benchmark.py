"""The report of a supervised benchmark: its numbers by hand, its figures, and published figures beside runs of their setting."""

import msgspec
import pytest

from acn_bench import catalog
from acn_bench.analysis.comparison import compare
from acn_bench.analysis.published import published_comparisons
from acn_bench.benchmarks.supervised import measures, report
from acn_bench.benchmarks.supervised.example import example_record
from acn_bench.benchmarks.supervised.exit_table import EXIT_TABLE
from acn_bench.benchmarks.supervised.figures import (
    cost,
    depth,
    gradients,
    learning,
    losses,
    noise,
)
from acn_bench.benchmarks.supervised.figures.settings import CLASSES, PER_CLASS
from acn_bench.benchmarks.supervised.noise_table import NOISE_TABLE
from acn_bench.benchmarks.supervised.result import CurvePoint, GradientNorms
from acn_bench.families.mixer import MixerSpec
from acn_bench.record import decode, encode
from acn_bench.registry import KINDS
from acn_bench.reports.figures import sweeps
from acn_bench.reports.sections import answers
from acn_bench.reports.sections.published import PUBLISHED as PUBLISHED_TABLE

METRICS = KINDS.load("supervised").metrics


def changed(record, *, result=None, backbone=None, **benchmark):
    """The example with other settings and results, as a valid record."""
    config = msgspec.structs.replace(
        record.config,
        benchmark=msgspec.structs.replace(record.config.benchmark, **benchmark),
        backbone=backbone or record.config.backbone,
    )
    outcome = msgspec.structs.replace(record.result, **(result or {}))
    made = msgspec.structs.replace(record, config=config, run_id=config.run_id, result=outcome)
    return decode(encode(made), "here")


@pytest.fixture(scope="module")
def records():
    """Both arms, three seeds."""
    return [example_record(w, seed=s) for w in ("ac", "residual") for s in (0, 1, 2)]


def few_classes(record, count):
    """The same of the first classes; a class fewer costs AC no block."""
    result = {"classes": count, "class_order": list(range(count))}
    return changed(record, result=result, classes=count)


def test_a_setting_without_a_value_is_none_in_a_label(records):
    limited = [changed(r, per_class=40) for r in records]
    labels = {group.label for group in compare([*records, *limited]).groups}
    assert {label.rpartition(" · ")[2] for label in labels} == {"per class none", "per class 40"}


# ---------------------------------------------------------------- numbers


def test_metrics_are_what_the_counts_say():
    record = example_record()
    value = {name: metric.value(record) for name, metric in METRICS.items()}
    assert value["accuracy"] == 380 / 446
    assert value["top5_accuracy"] == 1.0
    assert value["depth_share"] == 1 / 2
    assert value["depth_area"] == pytest.approx((40 / 2 + 379 + 380 / 2) / 2 / 446)
    assert value["gaussian_accuracy"] == 300 / 446
    assert value["gaussian_kept"] == pytest.approx((300 / 446 - 0.1) / (380 / 446 - 0.1))
    assert value["exit_accuracy"] == 370 / 446
    assert value["exit_depth"] == 1.5
    assert value["speed_up"] == 1.5  # at utilised depth: the arm is trained without exits
    assert value["images_per_second"] == 1216


def test_an_arm_with_exits_is_as_fast_as_its_exits():
    record = changed(example_record(), scheme="branches", branches=(1,), branch_weights=(0.5,))
    assert measures.speed_up(record) == pytest.approx(30_000 / 25_500)


def test_top5_says_nothing_of_five_classes():
    assert measures.top5(few_classes(example_record(), 5)) is None


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"train_loss": [1.0]}, "train_loss has 1 entries, not 2"),
        ({"weights": "average"}, "one of them has no average"),
        ({"noise": []}, "does not hold the levels"),
        ({"exits": None}, "result.exits is null"),
        ({"class_order": [0] * 10}, "names a class twice"),
        ({"gradients": []}, "one is there, the other is not"),
        ({"changes": [[1, 0], [3, 2], [0, 0]]}, "depth 0 has 40 examples right"),
    ],
)
def test_a_result_that_contradicts_itself_or_its_settings_is_refused(result, message):
    with pytest.raises(ValueError, match=message):
        changed(example_record(), result=result)


def test_counts_above_the_number_of_images_are_refused():
    test = msgspec.structs.replace(example_record().result.test, top1=[40, 500, 380])
    with pytest.raises(ValueError, match="500 and 444 of 446 examples"):
        changed(example_record(), result={"test": test})


# ---------------------------------------------------------------- tables and figures


def test_every_figure_is_drawn_of_what_was_measured(records):
    comparison = compare(records)
    for draw in (depth.draw, losses.draw, cost.draw, noise.draw):
        figure = draw(comparison)
        assert figure.parts[0].svg.startswith("<svg"), figure.name
    assert sweeps.draw(comparison, "accuracy", CLASSES) is None


def test_accuracy_by_epoch_is_drawn_of_both_arms_where_it_was_measured(records):
    assert learning.draw(compare(records)) is None
    curved = []
    for record in records:
        held_out, test = record.result.validation.top1[-1], record.result.test.top1[-1]
        ends = [(1, held_out // 2, test // 2), (2, held_out, test)]
        curve = [CurvePoint(epoch=e, validation=v, test=t) for e, v, t in ends]
        curved.append(changed(record, result={"curve": curve}, evaluate_every=1))
    (part,) = learning.draw(compare(curved)).parts
    assert part.svg.count("<polyline") + part.svg.count("<path") >= 4  # test and held-out rows
    assert ">epochs<" in part.svg


def with_gradients(record, share):
    """Block 1 has `share` of the gradient at the end, and a tenth of that is direct."""
    ends = [(0.5, 0.5), (share, 1 - share)]
    norms = [
        GradientNorms(full=[a, b], direct=[0.1 * a, b], mediated=[0.9 * a, 0.0]) for a, b in ends
    ]
    return changed(record, result={"gradients": norms}, gradients=True)


def test_gradients_are_drawn_where_they_were_recorded(records):
    assert gradients.draw(compare(records)) is None
    shares = {"ac": 0.8, "residual": 0.6}
    recorded = [with_gradients(r, shares[r.config.backbone.wiring]) for r in records]
    (part,) = gradients.draw(compare(recorded)).parts
    assert part.svg.count("<image") == 4 + 2  # two maps an arm, two scales
    assert "AC 80 % in its first block, direct part 55 %" in part.alt
    assert "residual 60 % in its first block, direct part 55 %" in part.alt


@pytest.mark.parametrize(
    ("norms", "message"),
    [
        ({"full": [1.0]}, "full has 1 entries, not 2"),
        ({"direct": [-1.0, 0.0]}, "direct holds -1.0: it must be finite"),
    ],
)
def test_gradients_that_cannot_be_are_refused(norms, message):
    good = GradientNorms(full=[1.0, 1.0], direct=[0.5, 1.0], mediated=[0.5, 0.0])
    both = [good, msgspec.structs.replace(good, **norms)]
    with pytest.raises(ValueError, match=message):
        changed(example_record(), result={"gradients": both}, gradients=True)


def at_chance(record):
    """The same with a tenth of the held-out rows right."""
    held_out = msgspec.structs.replace(record.result.validation, top1=[13, 13, 13])
    return changed(record, result={"validation": held_out, "changes": [[0, 0]] * 3})


@pytest.mark.parametrize(
    ("low", "words"),
    [
        ((), ""),
        (("ac",), "AC is not above the chance level"),
        (("ac", "residual"), "neither network is above the chance level"),
    ],
)
def test_an_arm_that_learned_nothing_speaks_against_a_verdict(records, low, words):
    made = [at_chance(r) if r.config.backbone.wiring in low else r for r in records]
    card = catalog.benchmark("cifar10")
    spec = made[0].config.benchmark
    card = msgspec.structs.replace(card, name=spec.name, protocol=spec)
    comparison = compare(made, card)
    (claim,) = (c for c in card.claim if c.metric == "accuracy" and c.against == "residual")
    reasons = answers.against(comparison, comparison.of_claim(claim.name))
    assert reasons.startswith(words)
    assert ("above the chance level" in reasons) == bool(words)


def test_accuracy_and_depth_stand_against_the_number_of_classes(records):
    swept = records + [few_classes(r, n) for r in records for n in (2, 5)]
    comparison = compare(swept)
    for metric in ("accuracy", "utilised_depth"):
        figure = sweeps.draw(comparison, metric, CLASSES)
        (part,) = figure.parts
        for words in (">2<", ">5<", ">10<"):  # all ten where the setting is null
            assert words in part.svg
    assert sweeps.draw(comparison, "accuracy", PER_CLASS) is None


def test_noise_and_exits_have_tables_with_a_row_for_each_level(records):
    comparison = compare(records)
    table = NOISE_TABLE.build(comparison).blocks[1]
    (rows,) = table.parts
    assert [row[0].text for row in rows.rows] == ["clean", "gaussian 0.2", "salt and pepper 0.05"]
    exits = EXIT_TABLE.build(comparison).blocks[1].parts[0]
    assert [row[0].text for row in exits.rows] == ["AC", "residual"]
    assert [row[1].text for row in exits.rows] == ["0.7", "0.7"]


def test_classes_that_differ_from_seed_to_seed_are_a_caveat(records):
    some = [few_classes(r, 2) for r in records]
    assert not report.caveats(compare(some).groups)
    other = changed(some[1], result={"class_order": [3, 4]})
    (sentence,) = report.caveats(compare([some[0], other, *some[2:]]).groups)
    assert "2 sets of them" in sentence


def test_damaged_images_are_a_caveat(records):
    (sentence,) = report.caveats(compare([changed(records[0], result={"skipped": 3})]).groups)
    assert "3 damaged images" in sentence


# ---------------------------------------------------------------- published figures


def of_card(record, **settings):
    """A record of the card cifar10 with 16 blocks."""
    curve = [40, *[400] * 16]
    scores = {"top1": curve, "top5": curve, "loss": [0.5] * 17}
    held_out = {"top1": [40, *[110] * 16], "top5": [40, *[110] * 16], "loss": [0.5] * 17}
    result = {
        "test": msgspec.structs.replace(record.result.test, **scores),
        "validation": msgspec.structs.replace(record.result.validation, **held_out),
        "changes": [[70, 0], *[[0, 0]] * 16],
        "noise": [],
        "exits": None,
        "parameters": list(range(1, 18)),
        "flops": list(range(1, 18)),
        "train_loss": [1.0] * 300,
    }
    made = changed(
        record,
        result=result,
        backbone=MixerSpec(wiring=record.config.backbone.wiring, depth=16),
        name="cifar10",
        epochs=300,
        noise={},
        exit_thresholds=(),
        classes=10,
    )
    provenance = made.provenance
    data = msgspec.structs.replace(provenance.data, name="cifar10")
    made = msgspec.structs.replace(made, provenance=msgspec.structs.replace(provenance, data=data))
    return few_classes(made, settings["classes"]) if settings else made


@pytest.mark.parametrize(("classes", "depth"), [(2, 8), (5, 10), (10, 12)])
def test_a_published_depth_stands_beside_runs_on_as_many_classes(records, classes, depth):
    card = catalog.benchmark("cifar10")
    runs = [of_card(r, classes=classes) for r in records]
    (entry,) = published_comparisons(compare(runs, card))
    means = {(row.published.wiring, row.published.metric): row.published.mean for row in entry.rows}
    assert means["ac", "utilised_depth"] == depth
    assert means["residual", "utilised_depth"] == 16
    assert (("ac", "accuracy") in means) == (classes == 10)
    # the paper trains its arms unequally long
    assert "epochs: 300 instead of 420 (AC, ACN paper, Figure 4)" in entry.deviations
    assert not [
        s
        for s in entry.deviations
        if s.startswith("epochs") and "residual, ACN paper, Figure 4" in s
    ]
    assert not [s for s in entry.open if s.startswith("epochs")]


def test_a_published_figure_without_numbers_stands_in_words_beside_ours(records):
    comparison = compare(
        [changed(of_card(r), per_class=100) for r in records], catalog.benchmark("cifar10")
    )
    (entry,) = published_comparisons(comparison)

    assert {row.published.source for row in entry.rows} == {"ACN paper, Figure 6"}
    assert all(row.published.mean is None and row.measured.n == 3 for row in entry.rows)
    assert [gap.published for gap in entry.gaps("test_loss")] == [None]
    text = PUBLISHED_TABLE.build(comparison).tables[0]
    (ac, residual, gap) = [[cell.line for cell in row] for row in text.parts[0].rows[:3]]
    assert ac[2] == "below residual (curves)"
    assert ac[5] == "–"
    assert residual[2] == "above AC (curves)"
    assert gap[2] == "–"
    assert ac[6].startswith("not the same: ")


def test_a_contradiction_of_the_publication_is_marked_at_its_cells_and_named_below(records):
    comparison = compare([of_card(r) for r in records], catalog.benchmark("cifar10"))
    blocks = PUBLISHED_TABLE.build(comparison).blocks
    marked = {row[-1].line for part in blocks[0].parts for row in part.rows if row[-1].detail}

    assert marked == {
        "ACN paper, Figure 4 (note 2)",
        "ACN paper, Table 5 (note 1)",
        "ACN paper, Table 5 (note 2)",
    }
    assert blocks[1].title == "Where the publication contradicts itself or its code"
    assert [item[:7] for item in blocks[1].items] == ["note 1:", "note 2:"]
    assert "30 to 80 % fewer layers" in blocks[1].items[1]


def test_each_level_of_the_papers_noise_is_read_from_a_record():
    record = example_record()
    (level, scores) = next((n.level, n) for n in record.result.noise if n.corruption == "gaussian")

    assert METRICS[f"gaussian_{level:g}_accuracy"].value(record) == scores.top1[-1] / 446
    assert (
        METRICS["gaussian_0.4_accuracy"].value(changed(record, noise={}, result={"noise": []}))
        is None
    )
