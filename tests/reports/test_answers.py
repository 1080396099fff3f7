"""The first screen: each claim with its verdict, its effect, its seeds and what speaks against it."""

import numpy as np
import pytest
from scipy import stats

from acn_bench import catalog, reports
from acn_bench.analysis import depth_metrics, power, statistics
from acn_bench.analysis.comparison import compare
from acn_bench.records import load_all
from acn_bench.reports.sections.answers import in_short


@pytest.mark.parametrize(("effect", "pairs"), [(0.2, 199), (0.5, 34), (0.8, 15), (1.0, 10)])
def test_the_pairs_that_decide_are_those_of_published_tables(effect, pairs):
    values = [effect - np.sqrt(0.5), effect + np.sqrt(0.5)]  # of standard deviation 1

    assert power.seeds_to_decide(values) == pairs  # G*Power 3.1: t test, two dependent means


def test_power_is_the_share_of_simulated_tests_that_decide():
    drawn = np.random.default_rng(0).normal(0.9, 1.0, (4000, 12))

    share = (stats.ttest_1samp(drawn, 0, axis=1).pvalue < 0.05).mean()
    assert power.power(0.9, 12) == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("values", [[0.1], [0.0, 0.0], [1.0, -1.0], [1.0, -1.001]])
def test_no_number_of_seeds_decides_without_a_spread_or_without_an_effect(values):
    assert power.seeds_to_decide(values) is None


def test_pairs_that_all_differ_by_the_same_amount_need_the_six_of_the_sign_test():
    assert power.seeds_to_decide([0.1, 0.1]) == 6
    assert statistics.p_value([0.1] * 5) > 0.05 > statistics.p_value([0.1] * 6)


def test_more_seeds_are_needed_than_left_a_verdict_undecided(records, card):
    comparison = compare(records(("naive", "si"), seeds=(0, 1, 2)), card)

    undecided = [v for v in comparison.verdicts if v.seeds_to_decide]
    assert undecided
    assert all(v.outcome == "undecided" for v in undecided)
    assert all(v.seeds_to_decide > v.difference.n for v in undecided)


def answers(comparison):
    (section,) = (s for s in reports.report(comparison, False).sections if s.name == "answers")
    return {row[0].text: row for table in section.tables for _, row in table.rows}


def test_every_claim_is_answered_first_and_the_settings_come_after(records, card):
    comparison = compare(records(("naive", "si")), card)
    names = [s.name for s in reports.report(comparison).sections]

    assert names[:3] == ["answers", "lead", "setting"]
    assert list(answers(comparison)) == [claim.statement for claim in card.claim]


def test_an_answer_counts_the_groups_of_each_outcome(records, card):
    comparison = compare(records(("naive", "si")), card)

    for claim in card.claim:
        _, verdict, _, seeds, _ = answers(comparison)[claim.statement]
        outcomes = [v.outcome for v in comparison.of_claim(claim.name)]
        outcome = verdict.style.removeprefix("weakly ")
        assert outcome in ("mixed", *outcomes)
        if len(set(outcomes)) == 1:
            assert verdict.text == outcomes[0]
        else:
            assert f"{outcomes.count(outcome)} of 2" in verdict.text
        assert seeds.text == "3"


def test_what_speaks_against_a_claim_names_uncertainty_first(records, card):
    comparison = compare(records(("naive",)), card)

    for claim in card.claim:
        (verdict,) = comparison.of_claim(claim.name)
        *_, against = answers(comparison)[claim.statement]
        apart = "includes zero" in against.text or "sign test" in against.text
        assert apart == (verdict.outcome == "undecided")
        assert "few" in against.text or "Holm" in against.text


@pytest.fixture(scope="module")
def published(root):
    """Of two groups with verdicts, on CIFAR-100 in full."""
    made = load_all([root / "reports" / "2026-11-27-split-cifar100-table3-deep-full"])
    return compare(made, catalog.benchmark("split_cifar100"))


@pytest.mark.parametrize(
    ("claim", "style"),
    [
        ("AC forgets less than residual", "undecided"),
        ("AC is more accurate than residual at the end of the stream", "holds"),
        ("AC keeps more of its accuracy under noise than residual", "weakly reversed"),
        ("AC uses fewer of its layers than residual", "holds"),
    ],
)
def test_a_badge_is_weak_where_the_correction_takes_back_every_verdict(published, claim, style):
    assert answers(published)[claim][1].style == style


def test_a_badge_is_weak_where_no_network_is_above_the_chance_level(published, monkeypatch):
    monkeypatch.setattr(depth_metrics, "at_chance", lambda _: True)

    assert (
        answers(published)["AC uses fewer of its layers than residual"][1].style == "weakly holds"
    )


def test_two_groups_stand_with_a_difference_and_an_interval_each(published):
    effect = answers(published)["AC forgets less than residual"][2]

    assert effect.text == "+0.4 and −1.5 points"
    assert effect.detail.replace("\N{NO-BREAK SPACE}", " ") == (
        "95 % intervals [−0.9, +1.8] and [−4.6, +1.7]"
    )


def test_what_speaks_against_fewer_layers_names_a_paired_test_that_does_not_decide(published):
    against = answers(published)["AC uses fewer of its layers than residual"][4]

    assert against.text == "by a paired test of held-out examples the depth is undecided in 1 of 2"


def test_a_claim_without_a_pair_says_why(records, card):
    (row, *_) = answers(compare(records(("naive",), wirings=("ac",)), card)).values()

    assert [cell.text for cell in row[1:]] == ["no verdict", "–", "–", "residual not run"]


def test_the_first_sentence_counts_claims_by_what_their_groups_say_and_verdicts_after_correction(
    records, card
):
    comparison = compare(records(("naive", "si")), card)
    text = in_short(comparison)

    holds = [{v.outcome for v in comparison.of_claim(c.name)} for c in card.claim]
    everywhere = sum(outcomes == {"holds"} for outcomes in holds)
    assert text.startswith(f"Of {len(card.claim)} claims, ")
    assert f"{everywhere} hold" in text
    decided = [v for v in comparison.verdicts if v.outcome in ("holds", "reversed")]
    left = sum(v.survives for v in decided)
    assert f"{len(decided)} are decided, {left or 'none'} also after Holm's" in text


def test_the_first_sentence_of_arms_that_were_not_compared_says_so(records, card):
    text = in_short(compare(records(("naive",), wirings=("ac",)), card))

    assert text == f"Of {len(card.claim)} claims, {len(card.claim)} have no verdict."
