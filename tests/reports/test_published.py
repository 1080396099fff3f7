import msgspec
import pytest

from acn_bench.analysis.caveats import caveats
from acn_bench.analysis.comparison import compare
from acn_bench.analysis.published import published_comparisons
from acn_bench.reports.sections.setting import description


def published(records, card):
    return published_comparisons(compare(records, card))


def test_figures_of_the_same_stream_stand_beside_ours(records, card):
    entries = published(records(experiences=20, canonical=True), card)

    assert [e.group.strategy for e in entries] == ["naive", "si"]
    assert {(r.published.wiring, r.published.metric) for r in entries[0].rows} == {
        ("ac", "forgetting"),
        ("ac", "average_accuracy"),
        ("residual", "forgetting"),
        ("residual", "average_accuracy"),
    }
    assert all(r.published.depth == 5 and r.measured.n == 3 for r in entries[0].rows)


def test_another_stream_keeps_published_figures_away_and_says_why(records, card):
    (entry, _) = published(records(experiences=5), card)

    assert entry.rows == ()
    assert "experiences: 5 instead of 20" in entry.deviations


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"benchmark": {"epochs": 3}}, "epochs: 3 instead of 10"),
        ({"benchmark": {"learning_rate": 0.01}}, "learning rate: 0.01 instead of 0.001"),
        ({}, "held-out rows: 10 % of the training rows"),
        ({}, "variant: plain"),
        ({}, "runs: 3 seeds"),
        ({"quick": True}, "quick: the card's reduced values"),
        ({"width": 64}, "width: 64 instead of 128"),
    ],
)
def test_every_deviation_is_listed(records, card, change, sentence):
    (entry, _) = published(records(experiences=20, canonical=True, **change), card)

    assert any(deviation.startswith(sentence) for deviation in entry.deviations)


def test_a_strategys_other_strength_is_a_deviation_and_the_setting_shows_it(records, card):
    def stronger(record):
        strategy = msgspec.structs.replace(record.config.strategy, strength=100.0)
        config = msgspec.structs.replace(record.config, strategy=strategy)
        return msgspec.structs.replace(record, config=config, run_id=config.run_id)

    made = [stronger(r) for r in records(("si",), experiences=20, canonical=True)]
    (entry,) = published(made, card)
    assert "si strength: 100 instead of 1" in entry.deviations
    assert "si damping 0.001" in entry.open
    words = dict(description(compare(made, card)))
    assert (
        words["Strategies"]
        == "si (strength 100, damping 0.001, importance max none, path penalised)"
    )
    assert "Hyper-parameters" not in words  # these are not the card's
    assert "patch size 4, width 128, token width 64, channel width 512" in words["Networks"]


def test_a_part_of_the_data_is_a_deviation_with_its_rows(records, card):
    (entry, _) = published(records(experiences=20), card)

    assert (
        "data: CIFAR-100 subset, 12,000 train / 2,500 test rows instead of CIFAR-100 in full"
        in entry.deviations
    )
    assert entry.rows


def test_settings_that_the_publication_leaves_open_are_named(records, card):
    (entry, _) = published(records(experiences=20, canonical=True), card)

    assert "optimizer adamw" in entry.open
    assert "weight decay 0.01" in entry.open
    assert not any(setting.startswith("epochs") for setting in entry.open)


def test_depths_without_a_published_figure_have_none(records, card):
    assert published(records(experiences=20, depth=7), card) == []


# ---------------------------------------------------------------- caveats


def test_a_part_of_a_data_set_says_so(records, card):
    result = " ".join(caveats(compare(records(), card)))

    assert "CIFAR-100 subset, 12,000 train / 2,500 test rows" in result
    assert "No run is comparable with published figures" in result


def test_a_guard_that_failed_comes_first(records, record, card):
    from acn_bench.result import Guard

    broken = Guard(name="finite", passed=False, detail="the loss was infinite")
    values = caveats(compare([*records(), record(seed=7, provenance={"guards": [broken]})], card))

    assert values[0] == "A guard failed in 1 run: finite: the loss was infinite."


def test_si_whose_weights_are_nearly_all_at_the_limit_is_told_to_be_an_l2_penalty(record, card):
    def told(*last):
        made = [
            record("si", wiring, result={"share_at_limit": [0.0, 0.0, 0.0, 0.0, share]})
            for wiring, share in zip(("ac", "residual"), last, strict=True)
        ]
        return [s for s in caveats(compare(made, card)) if "L2 penalty" in s]

    (sentence,) = told(0.97, 0.9996)
    assert sentence.startswith("si · plain: 97 to 99.96 % of the weights are at the limit")
    assert told(0.2, 0.9) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"device": "NVIDIA H100"}, "different devices"),
        (
            {"versions": {"python": "3.11.7", "torch": "2.10.0", "avalanche-lib": "0.6.0"}},
            "torch: 2.10.0",
        ),
    ],
)
def test_mixed_machines_and_versions_are_warned_of(records, record, card, change, words):
    result = caveats(compare([*records(), record(seed=7, provenance=change)], card))

    assert any(words in sentence for sentence in result)


def test_full_data_and_three_seeds_are_warned_of_for_their_intervals_alone(records, card):
    made = records(("naive",), variants=("plain", "released"), canonical=True)
    result = caveats(compare(made, card))

    assert len(result) == 3
    assert "did not learn the same" in result[0]
    assert "the interval is a point" in result[1]
    assert "interval of its own" in result[2]


def test_arms_of_unequal_size_are_warned_of(record, card):
    big = record(wiring="ac", result={"parameters": [100, 300]})
    small = record(wiring="residual", result={"parameters": [100, 200]})

    values = caveats(compare([big, small], card))
    assert "naive · plain: AC has 50 % more parameters than residual." in values
