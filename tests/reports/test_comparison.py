import math

import pytest
from msgspec.structs import replace
from scipy import stats

from acn_bench.analysis.caveats import caveats
from acn_bench.analysis.comparison import compare, seeds_varied, verdict
from acn_bench.analysis.groups import Difference
from acn_bench.analysis.labels import mixed_codes
from acn_bench.benchmarks.continual.noise_metrics import noise_kept
from acn_bench.benchmarks.continual.result import NoiseResult
from acn_bench.benchmarks.robustness.example import example_record
from acn_bench.catalog import Claim
from acn_bench.config import Seeds
from acn_bench.result import Seconds

SECONDS = Claim(
    name="quick", statement="AC trains faster", metric="seconds", direction="lower", source="nobody"
)


def timed(record, ac, residual, **more):
    """A pair a seed whose training times are given: the simplest metric to set by hand."""
    return [
        record(wiring=wiring, seed=seed, result={"seconds": Seconds(train=t, evaluate=1.0)}, **more)
        for wiring, times in (("ac", ac), ("residual", residual))
        for seed, t in enumerate(times)
    ]


def judged(records, claim=SECONDS):
    (group,) = compare(records).groups
    return verdict(claim, group)


# ---------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("ac", "outcome"),
    [
        ((10, 11, 12), "holds"),
        ((30, 31, 32), "reversed"),
        ((19, 30, 12), "undecided"),
    ],
)
def test_a_claim_is_decided_by_which_side_of_zero_the_whole_interval_lies_on(record, ac, outcome):
    assert judged(timed(record, ac, (20, 21.5, 22))).outcome == outcome


def test_a_claim_of_more_is_judged_the_other_way_round(record):
    records = timed(record, (10, 11, 12), (20, 21.5, 22))
    more = Claim(name="m", statement="m", metric="seconds", direction="higher", source="nobody")

    assert judged(records, more).outcome == "reversed"


def test_the_interval_is_students_over_the_paired_differences(record):
    result = judged(timed(record, (10, 11, 12.5, 9), (20, 22, 21, 25))).difference

    values = [-10, -11, -8.5, -16]
    low, high = stats.t.interval(0.95, 3, loc=sum(values) / 4, scale=stats.sem(values))
    assert result.interval == pytest.approx((low, high))
    assert (result.n, result.wins, result.ties) == (4, 4, 0)


def test_one_seed_gives_no_verdict(record):
    result = judged(timed(record, (10,), (20,)))

    assert result.outcome == "no verdict"
    assert result.reason == "one seed: no verdict"
    assert result.difference.interval is None


def test_equal_differences_make_an_interval_of_one_point_and_the_sign_test_decides(record):
    five, six = (range(10, 10 + n) for n in (5, 6))
    result = judged(timed(record, five, [t + 2 for t in five]))
    assert result.difference.interval == (-2, -2)
    assert (result.outcome, result.difference.p) == ("undecided", 1 / 16)

    result = judged(timed(record, six, [t + 2 for t in six]))
    assert (result.outcome, result.difference.p) == ("holds", 1 / 32)


def test_arms_that_never_differ_decide_nothing(record):
    result = judged(timed(record, (10, 11), (10, 11)))

    assert result.outcome == "undecided"
    assert (result.difference.wins, result.difference.ties) == (0, 2)


def test_an_arm_that_was_not_run_is_named(records, card):
    only_ac = compare(records(wirings=("ac",)), card)
    only_residual = compare(records(wirings=("residual",)), card)

    assert {v.reason for v in only_ac.verdicts} == {"residual not run"}
    assert {v.reason for v in only_residual.verdicts} == {"AC not run"}


def test_a_variant_that_was_not_run_is_named(records, card):
    assert compare(records(), card).not_run == (
        "mixer, released variant: not run with naive and si",
    )
    assert compare(records(variants=("plain", "released")), card).not_run == ()


def test_a_claim_about_an_unknown_metric_suggests_the_nearest(record, card):
    import msgspec

    typo = msgspec.structs.replace(card.claim[0], metric="forgeting")
    with pytest.raises(ValueError, match="Did you mean 'forgetting'"):
        compare([record()], msgspec.structs.replace(card, claim=(typo,)))


def test_records_of_two_benchmarks_are_refused(record):
    import msgspec

    other = record()
    config = msgspec.structs.replace(
        other.config, benchmark=msgspec.structs.replace(other.config.benchmark, name="elsewhere")
    )
    with pytest.raises(ValueError, match="one benchmark"):
        compare([record(), msgspec.structs.replace(other, config=config)])


# ---------------------------------------------------------------- pairing


@pytest.mark.parametrize(
    "other",
    [
        {"strategy": "si"},
        {"variant": "released"},
        {"depth": 10},
        {"width": 256},
        {"quick": True},
        {"code": "0ther0000000"},
        {"benchmark": {"epochs": 3}},
        {"benchmark": {"heads": "one"}},
        {"experiences": 20},
    ],
)
def test_what_differs_beside_wiring_and_seeds_is_never_averaged(record, other):
    groups = compare([record(seed=0), record(**{"seed": 1, **other})]).groups

    assert [len(group.records) for group in groups] == [1, 1]
    assert len({group.label for group in groups}) == 2


def test_other_data_under_the_same_name_makes_another_group(record):
    import msgspec

    first = record(seed=0)
    config = msgspec.structs.replace(record(seed=1).config, fingerprint="0" * 32)
    second = msgspec.structs.replace(record(seed=1), config=config, run_id=config.run_id)

    assert len(compare([first, second]).groups) == 2


def test_a_strategys_option_makes_another_group_and_is_said(record):
    import msgspec

    from acn_bench.strategies.si import SiSpec

    config = msgspec.structs.replace(
        record("si").config, strategy=SiSpec(name="si", strength=10.0, importance_max=None)
    )
    strong = msgspec.structs.replace(record("si"), config=config, run_id=config.run_id)

    labels = [group.label for group in compare([record("si"), strong, record("naive")]).groups]
    assert labels == ["naive · plain", "si · plain · strength 1.0", "si · plain · strength 10.0"]


def test_settings_too_many_for_a_label_are_said_beside_a_letter(record):
    other = {"epochs": 3, "batch_size": 16, "flip": False}
    groups = compare([record(), record("si"), record(benchmark=other)]).groups

    assert [g.label for g in groups] == [
        "naive · plain · setting A",
        "naive · plain · setting B",
        "si · plain · setting A",
    ]
    assert {g.setting for g in groups} == {
        "epochs 10, batch size 64, flip",
        "epochs 3, batch size 16, not flip",
    }


def test_only_seeds_that_both_arms_have_make_a_difference(record):
    records = timed(record, (10, 11, 12), (20, 21))

    (group,) = compare(records).groups
    assert group.cell("ac", "seconds").n == 3
    assert group.difference("seconds").n == 2


def test_pairs_share_all_four_seeds(record):
    a = record(wiring="ac", seeds=Seeds(order=0, init=1))
    b = record(wiring="residual", seeds=Seeds(order=0, init=2))

    (group,) = compare([a, b]).groups
    assert group.difference("seconds") is None


def test_other_wirings_stand_beside_the_pair_without_a_verdict(records, card):
    comparison = compare(records(("naive",), ("ac", "residual", "feedforward")), card)

    assert comparison.arms == ["ac", "residual", "feedforward"]
    assert len(comparison.groups) == 1
    assert len(comparison.verdicts) == len(card.claim)


def test_the_later_of_two_records_of_one_run_counts_whatever_its_clock_said(record):
    old = record(time="2026-01-01T00:00:00Z", result={"seconds": Seconds(train=1, evaluate=1)})
    new = record(time="2026-01-02T00:00:00Z", result={"seconds": Seconds(train=2, evaluate=1)})

    for order, seconds in (([old, new], 2), ([new, old], 1)):
        (group,) = compare(order).groups
        assert list(group.cell("ac", "seconds").values.values()) == [seconds]


def test_the_order_of_the_records_changes_nothing(records, card):
    made = records(variants=("plain", "released"))

    assert compare(made, card) == compare(made[::-1], card)


def test_which_seeds_varied_is_said(record):
    together = compare([record(seed=s) for s in (0, 1, 2)]).seeds
    one = compare([record(seeds=Seeds(init=s)) for s in (0, 3)]).seeds

    assert together == "order, init, data and noise varied, together (0 – 2)"
    assert one == "init varied (0, 3); fixed: order at 0, data at 0 and noise at 0"
    assert seeds_varied([record()]) == "order, init, data and noise all at 0"


# ---------------------------------------------------------------- cells


def test_spread_is_the_sample_standard_deviation(record):
    (group,) = compare(timed(record, (10, 12, 17), (1,))).groups

    assert group.cell("ac", "seconds").spread == pytest.approx(math.sqrt(13))
    assert group.cell("residual", "seconds").spread is None


def test_wins_count_what_is_better_for_the_metric(records):
    (group,) = compare(records(("naive",))).groups
    accuracy, forgetting = group.difference("average_accuracy"), group.difference("forgetting")

    assert accuracy.wins == sum(v > 0 for v in accuracy.values.values())
    assert forgetting.wins == sum(v < 0 for v in forgetting.values.values())


def test_noise_drop_is_clean_less_the_mean_over_all_levels(record):
    noise = [
        NoiseResult(corruption="gaussian", level=0.1, accuracy=[[None, None], [0.5, 0.6]]),
        NoiseResult(corruption="gaussian", level=0.2, accuracy=[[None, None], [0.3, 0.4]]),
    ]
    r = record(experiences=2, result={"accuracy": [[0.9, None], [0.7, 0.8]], "noise": noise})

    (group,) = compare([r]).groups
    assert group.cell("ac", "noise_drop").mean == pytest.approx(0.75 - 0.45)


def test_what_noise_leaves_is_a_share_of_what_is_above_guessing(record):
    """An arm that loses more points may have kept more of what it had."""

    def saved(clean, noisy):
        noise = [
            NoiseResult(corruption="gaussian", level=0.1, accuracy=[[None, None], [noisy, noisy]])
        ]
        accuracy = [[clean, None], [clean, clean]]
        return noise_kept(record(experiences=2, result={"accuracy": accuracy, "noise": noise}))

    assert saved(0.46, 0.382) == pytest.approx(0.7)  # less the 20 % of guessing among five classes
    assert saved(0.32, 0.284) == pytest.approx(0.7)
    assert saved(0.21, 0.20) is None  # 250 test rows cannot tell 21 % from guessing


def test_an_arm_that_learned_less_is_named_and_forgetting_stands_beside_its_share(record):
    def matrix(learned, end):
        return {"accuracy": [[learned, None], [end, learned]]}

    made = [
        record(wiring=wiring, seed=seed, experiences=2, result=matrix(learned + seed / 100, end))
        for wiring, learned, end in (("ac", 0.6, 0.4), ("residual", 0.8, 0.5))
        for seed in range(3)
    ]
    comparison = compare(made)
    (group,) = comparison.groups
    assert group.difference("forgetting").mean == pytest.approx(-0.1)
    share = {w: group.cell(w, "relative_forgetting").values for w in ("ac", "residual")}
    assert share["ac"][(0, 0, 0, 0)] == pytest.approx(0.5)  # of 0.4 above guessing, 0.2 are lost
    assert share["residual"][(0, 0, 0, 0)] == pytest.approx(0.5)  # and of 0.6, 0.3
    (message,) = (c for c in caveats(comparison) if "did not learn the same" in c)
    assert f"{group.label}: −20.0 points" in message


def test_a_difference_over_one_pair_has_a_mean_and_no_interval():
    d = Difference({(0, 0, 0, 0): -0.1}, wins=1, ties=0)

    assert (d.mean, d.interval) == (-0.1, None)


# ---------------------------------------------------------------- correction over a family


def test_holms_correction_is_over_every_verdict_of_the_comparison(records, card):
    comparison = compare(records(), card)
    judged = [v for v in comparison.verdicts if v.difference.p is not None]

    assert len(comparison.verdicts) == 8  # four claims, two groups
    smallest = min(judged, key=lambda v: v.difference.p)
    assert smallest.adjusted == pytest.approx(min(1, 8 * smallest.difference.p))
    assert all(v.adjusted >= v.difference.p for v in judged)
    assert all(v.survives == (v.adjusted < 0.05) for v in judged)


def test_a_verdict_of_one_seed_is_no_member_of_the_family(records, record, card):
    alone = [record("si", wiring) for wiring in ("ac", "residual")]
    with_one, without = (
        compare(records(("naive",)) + alone, card),
        compare(records(("naive",)), card),
    )
    adjusted = {v.claim.name: v.adjusted for v in with_one.verdicts if v.group.strategy == "naive"}

    assert adjusted == {v.claim.name: v.adjusted for v in without.verdicts}
    assert all(v.adjusted is None for v in with_one.verdicts if v.group.strategy == "si")


# ---------------------------------------------------------------- records from several machines


def test_an_older_record_is_kept_in_mind_and_a_copy_is_not(record):
    old, new = record(time="2026-01-01T00:00:00Z"), record(time="2026-01-02T00:00:00Z")

    assert compare([old, new]).repeats == ((old, new),)
    assert compare([new, old]).repeats == ((new, old),)  # in the order of `load_all`, not of clocks
    assert compare([new, new]).repeats == ()


def test_a_run_made_again_with_another_outcome_is_named(record):
    R = record().result.accuracy
    other = [[v and v - 0.01 for v in row] for row in R]
    old = record(
        time="2026-01-01T00:00:00Z", provenance={"device": "cuda"}, result={"accuracy": other}
    )

    (sentence,) = [s for s in caveats(compare([record(), old])) if "more than once" in s]
    assert sentence == (
        "1 run was made more than once (cpu, 1 thread and cuda); one record of each counts, and accuracies "
        "differ here."
    )


def test_a_pair_whose_arms_ran_on_different_devices_or_libraries_is_named(record, records):
    made = records(("naive",), seeds=(0, 1))
    made.append(record(seed=2, provenance={"device": "cuda", "versions": {"torch": "2.14.0"}}))
    made.append(record(wiring="residual", seed=2))
    result = caveats(compare(made))

    assert any("in 1 of 3 pairs the arms ran on different devices" in s for s in result)
    assert any("in 1 of 3 pairs the arms ran with different versions" in s for s in result)
    assert not any("in 1 of" in s for s in caveats(compare(made[:-2])))


def test_arms_of_different_code_are_no_pair_and_the_other_code_is_named(record, card):
    made = [record(wiring="ac", code="aaaaaaaa"), record(wiring="residual", code="bbbbbbbb")]
    comparison = compare(made, card)
    result = caveats(comparison)

    assert all(v.outcome == "no verdict" for v in comparison.verdicts)
    assert any("residual not run with this code (aaaaaaaa) but with bbbbbbbb" in s for s in result)
    assert any("AC not run with this code (bbbbbbbb) but with aaaaaaaa" in s for s in result)


def test_strategies_have_code_of_their_own_and_no_label_or_caveat_names_it(record):
    codes = {"naive": "aaaaaaaa", "si": "bbbbbbbb"}
    made = [record(s, w, code=code) for s, code in codes.items() for w in ("ac", "residual")]
    comparison = compare(made)

    assert [group.label for group in comparison.groups] == ["naive · plain", "si · plain"]
    assert not any("different code" in sentence for sentence in caveats(comparison))


def test_code_that_was_edited_between_two_depths_is_named_at_both(record):
    made = [record(depth=5, code="aaaaaaaa"), record(depth=10, code="bbbbbbbb")]
    comparison = compare([*made, record("si", code="cccccccc")])

    labels = [group.label for group in comparison.groups]
    assert [label.partition(" · code ")[2] for label in labels if "naive" in label] == [
        "aaaaaaaa",
        "bbbbbbbb",
    ]
    assert not any("cccccccc" in label for label in labels)
    assert any(
        "different code, each in a group of its own: aaaaaaaa and bbbbbbbb." in s
        for s in caveats(comparison)
    )


def test_an_attack_has_files_of_its_own_and_is_no_edit():
    plain = example_record("ac")
    spec = replace(plain.config.benchmark, attack="linf", attack_method="apgd", attack_images=4)
    config = replace(plain.config, benchmark=spec)
    code = replace(plain.provenance, code="0ther000")
    attacked = replace(plain, config=config, run_id=config.run_id, provenance=code)

    assert mixed_codes([plain, attacked]) == {}
    assert list(mixed_codes([plain, replace(plain, provenance=code)]).values()) == [
        {"c0de5eed", "0ther000"}
    ]


def test_ten_seeds_from_ten_places_are_ten_pairs(record):
    made = [
        record(wiring=w, seed=s, provenance={"device": f"machine {s}"})
        for s in range(10)
        for w in ("ac", "residual")
    ]
    (group,) = compare(made[::-1]).groups

    assert group.difference("forgetting").n == 10
    assert not any("arms ran on different devices" in s for s in caveats(compare(made)))
