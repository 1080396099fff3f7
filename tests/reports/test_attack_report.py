"""An attack in a robustness benchmark's report: its metrics by hand, its table, and what is said of it."""

import msgspec
import pytest

from acn_bench import catalog
from acn_bench.analysis.caveats import caveats
from acn_bench.analysis.comparison import compare
from acn_bench.analysis.image_outcomes import packed
from acn_bench.benchmarks.robustness import report
from acn_bench.benchmarks.robustness.attack_table import ATTACK_TABLE
from acn_bench.benchmarks.robustness.example import example_record
from acn_bench.benchmarks.robustness.kind import KIND
from acn_bench.benchmarks.robustness.result import AttackScores, AttackStep, validate
from acn_bench.record import decode, encode
from acn_bench.result import Guard

MASKED = Guard(
    name="no black-box or transferred attack beats the white-box attack",
    passed=False,
    detail="Square, 200 queries breaks 9 of 30 images that the white-box attack left correct",
)


def scores(last=30, **values):
    whole = {
        "images": 100, "clean": 80, "accuracy": [0.35, last / 100], "warnings": [],
        "steps": [AttackStep(name="apgd-ce", correct=40), AttackStep(name="apgd-t", correct=last)],
    }  # fmt: skip
    return AttackScores(**whole | values)


def attacked(wiring="ac", seed=0, *, guards=(), **values):
    """A record with an attack; AC keeps 10 images fewer than another wiring."""
    record = example_record(wiring, seed)
    benchmark = msgspec.structs.replace(
        record.config.benchmark,
        attack="linf", attack_method="apgd", epsilon="8/255", attack_images=100,
    )  # fmt: skip
    config = msgspec.structs.replace(record.config, benchmark=benchmark)
    last = (20 if wiring == "ac" else 30) + seed
    result = msgspec.structs.replace(record.result, attack=scores(last, **values))
    provenance = msgspec.structs.replace(record.provenance, guards=list(guards))
    return msgspec.structs.replace(
        record, config=config, result=result, provenance=provenance, run_id=config.run_id
    )


@pytest.fixture(scope="module")
def comparison():
    made = [attacked(w, s) for w in ("ac", "residual") for s in range(3)]
    return compare(made, catalog.benchmark("noise_cifar10"))


def test_robust_accuracy_is_the_share_that_every_step_leaves_correct():
    record = attacked("residual")
    assert KIND.metric("robust_accuracy").value(record) == pytest.approx(0.3)
    assert KIND.metric("attacked_clean_accuracy").value(record) == pytest.approx(0.8)
    assert KIND.metric("robust_accuracy").value(example_record()) is None


def test_runs_with_other_outcomes_of_an_attack_are_no_repeats_of_each_other():
    fewer = [AttackStep(name="apgd-ce", correct=40), AttackStep(name="apgd-t", correct=19)]
    assert KIND.outcome(attacked()) == KIND.outcome(attacked())
    assert KIND.outcome(attacked()) != KIND.outcome(attacked(steps=fewer))


def test_a_record_with_an_attack_is_the_same_after_it_is_written_and_read():
    record = attacked()
    assert decode(encode(record), "a record") == record


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"images": 50}, r"attack\.images is 50, and the settings attack 100"),
        ({"clean": 39}, r"no step makes an image correct"),
        ({"clean": 101}, r"no step makes an image correct"),
        ({"steps": [AttackStep(name="square", correct=1)]}, r"steps are not those of its attack"),
        ({"accuracy": [0.3]}, r"attack\.accuracy"),
    ],
)
def test_an_attack_that_contradicts_its_settings_or_itself_is_refused(values, message):
    record = attacked(**values)
    with pytest.raises(ValueError, match=message):
        validate(record.result, record.config.benchmark)


def test_a_result_has_an_attack_where_its_settings_have_one():
    record = attacked()
    validate(record.result, record.config.benchmark)
    for result, spec in (
        (record.result, example_record().config.benchmark),
        (example_record().result, record.config.benchmark),
    ):
        with pytest.raises(ValueError, match=r"one of them has no attack"):
            validate(result, spec)


def test_the_table_has_each_step_beside_the_same_images_without_an_attack(comparison):
    (table,) = ATTACK_TABLE.build(comparison).tables
    rows = {cells[0].text: [c.text for c in cells[1:]] for _, cells in table.rows}
    assert rows["without an attack"][:2] == ["80.0 ± 0.0", "80.0 ± 0.0"]
    assert list(rows)[1:3] == ["after APGD-CE", "after APGD-T"]
    assert rows["after APGD-T"][:2] == ["21.0 ± 1.0", "31.0 ± 1.0"]
    assert rows["after APGD-T"][2].startswith("−10.0")
    assert "adversarial images at utilised depth" in rows
    assert ATTACK_TABLE.build(compare([example_record()], None)) is None


def test_of_one_pair_the_interval_is_over_the_attacked_images():
    def made(wiring, correct):
        last = AttackStep(
            name="apgd-t", correct=correct, outcomes=packed(k < correct for k in range(100))
        )
        return attacked(wiring, steps=[AttackStep(name="apgd-ce", correct=40), last])

    arms = made("ac", 20), made("residual", 30)
    for record in arms:
        validate(record.result, record.config.benchmark)
    (table,) = ATTACK_TABLE.build(compare(arms, None)).tables
    rows = {cells[0].text: [c.text for c in cells[1:]] for _, cells in table.rows}
    # 10 of 100 images lost, none gained: −10 ± 1.96 · √(0.1 · 0.9 / 100) = ± 5.9 points
    low, high = (
        float(n.replace("−", "-")) for n in rows["after APGD-T"][3].strip("[]").split(", ")
    )
    assert (low, high) == (pytest.approx(-16, abs=1), pytest.approx(-4.5, abs=1))
    assert rows["after APGD-CE"][3] == "–"
    assert any("over the test images" in note.text for note in table.notes)


def test_the_protocol_names_the_attack_its_images_and_what_an_upper_bound_is():
    settings = dict(report.setting([attacked()]))
    assert settings["Attack"].startswith("APGD-CE + APGD-T, Linf, ε = 8/255, on the first 100 test images by row")  # fmt: skip
    assert "upper bound" in settings["Attack"]
    assert "Square with 200 queries" in settings["Attack"]
    assert "Attack" not in dict(report.setting([example_record()]))
    assert "APGD-CE + APGD-T, Linf, ε = 8/255" in report.describe(attacked().config)
    assert report.summary(attacked()).endswith("under attack 20.0 %")


def test_the_figures_of_a_cheaper_attack_on_fewer_images_compare_with_no_leaderboard():
    class Data:
        counts = type("Counts", (), {"test": 446})

    reasons = report.not_comparable(attacked().config, [Data])
    assert any("upper bound of AutoAttack's robust accuracy" in r for r in reasons)
    assert "100 of 446 test images were attacked" in reasons
    plain = report.not_comparable(example_record().config, [Data])
    assert not any("attack" in r for r in plain)


def test_gradient_masking_is_a_caveat_of_the_report():
    comparison = compare([attacked(guards=[MASKED]), attacked("residual")], None)
    assert any("breaks 9 of 30 images" in sentence for sentence in caveats(comparison))
