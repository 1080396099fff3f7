"""A strategy that paired tests do not distinguish from naive gives naive's verdicts under another name, and each says so."""

import msgspec
import pytest

from acn_bench import reports
from acn_bench.analysis import caveats
from acn_bench.analysis.acting import acting
from acn_bench.analysis.comparison import compare
from acn_bench.benchmarks.continual.result import StrategyMeasures, StrengthTry
from acn_bench.reports import tables

NOTE = "not distinguished from naive"
SEEDS = range(5)


def repeating(records, arms):
    """Records of naive and SI; in `arms` SI's results are those of naive."""
    made = records(("naive", "si"), seeds=SEEDS)
    naive = {(r.config.backbone.wiring, r.config.seeds): r for r in made[: len(made) // 2]}
    for record in made[len(made) // 2 :]:
        key = record.config.backbone.wiring, record.config.seeds
        result = naive[key].result if key[0] in arms else record.result
        yield msgspec.structs.replace(record, result=result)
    yield from naive.values()


def of_si(comparison):
    return [v for v in comparison.verdicts if v.group.strategy == "si"]


def test_a_strategy_that_repeats_naive_says_so_beside_each_of_its_verdicts_in_every_format(
    records, card
):
    comparison = compare(list(repeating(records, ("ac", "residual"))), card)
    verdicts = len(card.claim)

    assert [v.acting.note for v in of_si(comparison)] == [NOTE] * verdicts
    for name in ("md", "latex", "csv", "html"):
        assert reports.render(comparison, name).count(NOTE) >= verdicts + 1  # and in the answers
    assert tables.plain(comparison).count(NOTE) == verdicts
    (caveat,) = (c for c in caveats.caveats(comparison) if "from naive of the same seeds" in c)
    assert "AC 0.0 [0.0, 0.0], residual 0.0 [0.0, 0.0]" in caveat


def test_a_strategy_that_acts_in_one_arm_alone_is_not_distinguished_from_naive_in_the_other(
    records, card
):
    comparison = compare(list(repeating(records, ("residual",))), card)

    assert {v.acting.note for v in of_si(comparison)} == {f"residual {NOTE}"}


def test_a_strategy_that_acts_bounds_and_a_single_seed_say_nothing(records, card):
    acts = compare(records(("naive", "si", "joint"), seeds=SEEDS), card)
    notes = {v.group.strategy: v.acting and v.acting.note for v in acts.verdicts}
    assert notes == {"naive": None, "si": "", "joint": None}

    for alone in (records(("naive", "si"), seeds=[0]), records(("si",), seeds=SEEDS)):
        comparison = compare(alone, card)
        assert {acting(g, comparison.groups) for g in comparison.groups} == {None}


@pytest.mark.parametrize("other", [{"depth": 10}, {"benchmark": {"epochs": 3}}])
def test_naive_with_other_settings_is_no_naive_to_compare_with(records, card, other):
    comparison = compare(
        [*records(("si",), seeds=SEEDS), *records(("naive",), seeds=SEEDS, **other)], card
    )
    assert {v.acting for v in of_si(comparison)} == {None}


def test_a_report_shows_what_strategies_hold_and_which_strengths_were_selected(record, card):
    measures = StrategyMeasures(
        added_loss=[0.0, *[0.1] * 4],
        importance=[[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.5]] * 5,
        alike=[0.25] * 5,
        memory=[[3, 4, 0]] * 5,
    )
    accepted = [(0.0, 60), (100.0, 30), (25.0, 48)]  # of 60 held-out rows
    tries = [
        StrengthTry(strength=s, accuracy=right / 60, images=100, seconds=1.0)
        for s, right in accepted
    ]
    result = {
        "measures": measures, "strength_tries": [tries, tries[:2]] * 2,
        "train_loss": [[0.5]] * 5, "images_seen": 2000,
    }  # fmt: skip
    made = [
        record("si", w, s, benchmark={"select": "strength"}, result=result)
        for w in ("ac", "residual")
        for s in (0, 1)
    ]
    text = reports.render(compare(made, card), "md").replace("\N{NO-BREAK SPACE}", " ")

    assert "| AC | 20 % | 3, 5, 6, 7.5 | 25 % | 3 to 4 |" in text
    # 62.5 is between 25 and 100; in vain are 2 and 1 of the trainings, twice; half stayed below 80 %
    assert "| AC | 62.5 (25 to 100) | 2.5 (of at most 8) | 30 % | 4 of 8 |" in text
    assert (
        "the largest of 7 strengths, from 100 times the strategy's down by a factor of 0.25" in text
    )
