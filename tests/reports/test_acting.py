"""A strategy that paired tests do not tell from naive gives naive's verdicts under another name, and each says so."""

import msgspec
import pytest

from acn_bench import reports
from acn_bench.analysis import caveats
from acn_bench.analysis.acting import acting
from acn_bench.analysis.comparison import compare
from acn_bench.reports import tables

NOTE = "not told from naive"
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


def test_a_strategy_that_acts_in_one_arm_alone_is_not_told_from_naive_in_the_other(records, card):
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
