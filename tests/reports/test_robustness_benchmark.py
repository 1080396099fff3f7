"""The report of a robustness benchmark: its metrics by hand, its tables, verdicts and caveats."""

from base64 import b64encode

import msgspec
import pytest

from acn_bench import catalog, reports
from acn_bench.analysis.caveats import caveats
from acn_bench.analysis.comparison import compare
from acn_bench.analysis.image_outcomes import packed
from acn_bench.analysis.robustbench import leaderboard
from acn_bench.benchmarks.robustness import report
from acn_bench.benchmarks.robustness.condition_table import CONDITION_TABLE
from acn_bench.benchmarks.robustness.example import example_record
from acn_bench.benchmarks.robustness.figures import clean, corruptions, examples
from acn_bench.benchmarks.robustness.kind import KIND
from acn_bench.benchmarks.robustness.result import validate
from acn_bench.record import decode, encode
from acn_bench.reports.sections.quality import QUALITY
from acn_bench.reports.tables import plain
from acn_bench.result import DataProvenance


def changed(record, *, result=None, **protocol):
    """The record with other values in its result, or in its settings."""
    benchmark = msgspec.structs.replace(record.config.benchmark, **protocol)
    config = msgspec.structs.replace(record.config, benchmark=benchmark)
    made = msgspec.structs.replace(record.result, **(result or {}))
    return msgspec.structs.replace(record, config=config, result=made, run_id=config.run_id)


def value(name, record, reference=None):
    return KIND.metric(name).value(record, reference)


@pytest.fixture(scope="module")
def card():
    return catalog.benchmark("noise_cifar10")


@pytest.fixture(scope="module")
def made():
    return [example_record(w, s) for w in ("ac", "residual") for s in range(3)]


@pytest.fixture(scope="module")
def comparison(made, card):
    return compare(made, card)


# ---------------------------------------------------------------- metrics by hand


def test_accuracies_are_means_over_the_conditions_of_their_kind():
    record = example_record("residual")  # clean 0.8; severity 1: 0.65, severity 5: 0.35; noise 0.55
    assert value("clean_accuracy", record) == pytest.approx(0.8)
    assert value("gaussian_accuracy", record) == pytest.approx(0.55)
    assert value("corrupted_accuracy", record) == pytest.approx((0.65 + 0.35) / 2)


def test_what_is_kept_is_a_share_of_the_clean_accuracy_above_the_chance_level():
    record = example_record("residual")
    assert value("corrupted_kept", record) == pytest.approx((0.5 - 0.1) / (0.8 - 0.1))
    assert value("gaussian_kept", record) == pytest.approx((0.55 - 0.1) / (0.8 - 0.1))


def test_a_network_at_the_chance_level_has_nothing_to_keep():
    record = example_record()
    scores = msgspec.structs.replace(record.result.clean, accuracy=[0.1, 0.11])
    assert value("corrupted_kept", changed(record, result={"clean": scores})) is None


def test_the_area_under_the_noise_curve_is_by_trapezoids_from_clean():
    record = example_record()  # clean 0.8
    (first, other) = record.result.noise
    at = msgspec.structs.replace
    noise = [
        at(first, level=0.4, accuracy=[0.1, 0.2]), at(first, level=0.1, accuracy=[0.1, 0.6]), other,
    ]  # fmt: skip
    area = value("gaussian_area", changed(record, result={"noise": noise}))
    assert area == pytest.approx((0.1 * (0.8 + 0.6) / 2 + 0.3 * (0.6 + 0.2) / 2) / 0.4)


def test_mce_is_against_the_residual_arm_of_the_same_seed(comparison):
    ac, residual = example_record("ac"), example_record("residual")
    # errors, both corruptions alike: 0.3 + 0.6 of AC, 0.35 + 0.65 of residual
    assert value("mce", ac, residual) == pytest.approx(0.9 / 1.0)
    # less the clean error, 0.2
    assert value("relative_mce", ac, residual) == pytest.approx((0.1 + 0.4) / (0.15 + 0.45))
    (group,) = comparison.groups
    assert group.cell("ac", "mce").n == 3
    assert group.cell("residual", "mce").mean == pytest.approx(1)
    assert value("mce", ac) is None


def test_without_the_residual_arm_mce_has_no_value_and_says_why(card):
    (group,) = compare([example_record("ac", s) for s in range(2)], card).groups
    assert group.cell("ac", "mce").n == 0
    assert "the residual arm was not run" in KIND.metric("mce").why_not(group.records[0])


def test_scores_of_confidence_are_clean_and_over_corruptions():
    record = example_record("residual")  # nll is 1 − accuracy in the example
    assert value("clean_nll", record) == pytest.approx(0.2)
    assert value("corrupted_nll", record) == pytest.approx((0.35 + 0.65) / 2)
    assert value("corrupted_ece", record) == pytest.approx(0.1)
    assert value("clean_brier", record) == pytest.approx(0.18)


def test_a_cut_network_is_judged_at_the_depth_that_clean_held_out_rows_choose():
    record = example_record()
    held_out = msgspec.structs.replace(record.result.validation, accuracy=[0.8, 0.8])
    scores = [
        msgspec.structs.replace(s, accuracy=[0.3, s.accuracy[1]]) for s in record.result.corruptions
    ]
    cut = changed(record, result={"validation": held_out, "corruptions": scores})
    assert value("utilised_depth", cut) == 0
    assert value("corrupted_truncated_accuracy", cut) == pytest.approx(0.3)
    assert value("corrupted_truncated_kept", cut) == pytest.approx((0.3 - 0.1) / (0.4 - 0.1))


def test_a_run_of_clean_images_alone_has_no_other_values():
    record = changed(
        example_record(), result={"noise": [], "corruptions": []}, noise={}, corruptions=()
    )
    for name in ("gaussian_accuracy", "gaussian_kept", "gaussian_area", "corrupted_kept", "corrupted_nll"):  # fmt: skip
        assert value(name, record) is None
    assert value("mce", record, record) is None
    assert KIND.summary(record) == "clean 80.0 %"
    html = reports.render(compare([record]), "html")
    assert "AC − residual by corruption" not in html
    assert "Accuracy by condition" in html


# ---------------------------------------------------------------- what is read from a file


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"noise": []}, r"result\.noise does not hold the conditions of its settings"),
        ({"train_loss": []}, r"result\.train_loss has 0 entries, not 1"),
        ({"train_loss": [], "held_out": []}, r"result\.held_out is empty"),
    ],
)
def test_a_result_that_does_not_fit_its_settings_is_refused(result, message):
    record = changed(example_record(), result=result)
    with pytest.raises(ValueError, match=message):
        decode(encode(record), "here")


@pytest.mark.parametrize(("name", "bad"), [("nll", -0.1), ("ece", float("inf")), ("brier", float("nan"))])  # fmt: skip
def test_a_score_that_cannot_be_is_refused_by_its_place(name, bad):
    record = example_record()
    clean = msgspec.structs.replace(record.result.clean, **{name: [0.1, bad]})
    with pytest.raises(ValueError, match=rf"result\.clean\.{name} holds .*: it must be finite"):
        validate(changed(record, result={"clean": clean}).result, record.config.benchmark)


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"png": '"/><script>'}, r"example_images\[0\]\.png is no base64"),
        ({"png": b64encode(b"GIF89a" * 9).decode()}, r"\.png is no PNG file"),
        ({"png": b64encode(PNG + b"\0\0\xff\xff" * 2).decode()}, r"65535 × 65535 px: at most 64 px"),
        ({"png": b64encode(PNG + b"\0\0\0\1" * 2 + bytes(40_000)).decode()}, r"40,024 bytes: .* fewer"),
        ({"corruption": "rain"}, r"is of a condition that the settings do not have"),
    ],
)  # fmt: skip
def test_a_picture_that_is_no_small_png_of_a_condition_is_refused(change, message):
    record = example_record()
    image = msgspec.structs.replace(record.result.example_images[0], **change)
    with pytest.raises(ValueError, match=message):
        validate(
            changed(record, result={"example_images": [image]}).result, record.config.benchmark
        )


def test_too_many_pictures_are_refused():
    record = example_record()
    wide = b64encode(PNG + b"\0\0\0\x40" * 2).decode()
    image = msgspec.structs.replace(record.result.example_images[0], png=wide)
    with pytest.raises(ValueError, match="36,864 pixels: at most 32,768 are kept"):
        validate(
            changed(record, result={"example_images": [image] * 9}).result, record.config.benchmark
        )


# ---------------------------------------------------------------- the report


def test_a_report_has_one_strip_of_images_for_all_arms_and_seeds(made, comparison):
    figure = examples.draw(comparison)
    (part,) = figure.parts
    assert part.svg.count("<image") == len(made[0].result.example_images) == 3
    assert "clean, gaussian, contrast" in part.alt
    assert "noise seed 0" in figure.caption


def test_older_records_have_no_strip(made, card):
    older = [changed(r, result={"example_images": []}) for r in made]
    assert examples.draw(compare(older, card)) is None


def test_each_claim_has_a_verdict(comparison):
    outcomes = {v.claim.name: v.outcome for v in comparison.verdicts}
    assert set(outcomes) == {claim.name for claim in comparison.card.claim}
    # three pairs of the same difference: the sign test needs six
    assert outcomes["resists_corruptions"] == "undecided"
    (verdict,) = comparison.of_claim("resists_corruptions")
    assert verdict.difference.mean == pytest.approx(0.05)


def test_the_table_of_conditions_has_each_of_them_with_its_paired_difference(comparison):
    (table,) = CONDITION_TABLE.build(comparison).tables
    rows = {row[0].text: [cell.text for cell in row[1:]] for _, row in table.rows}
    assert list(rows) == ["clean", "gaussian 0.2", "salt and pepper 0.05", "contrast", "pixelate"]
    assert rows["clean"][:2] == ["81.0 ± 1.0", "81.0 ± 1.0"]
    assert rows["contrast"][2] == "+5.0"
    assert "by the CIFAR-C formulas, made here" in table.parts[-1].heading


def under_contrast(record, *correct):
    """The record with these numbers of its 446 images correct under contrast: at severity 1 and 5, the first ones."""
    scores = [
        msgspec.structs.replace(
            s, accuracy=[0.4, n / 446], outcomes=packed(k < n for k in range(446))
        )
        for s, n in zip(record.result.corruptions, correct, strict=False)
    ]
    return changed(record, result={"corruptions": [*scores, *record.result.corruptions[2:]]})


def test_of_one_pair_the_interval_pairs_the_test_images_and_says_so(card):
    arms = (under_contrast(example_record(), 300, 200), under_contrast(example_record("residual"), 290, 190))  # fmt: skip
    for record in arms:
        validate(record.result, record.config.benchmark)
    one = compare(arms, card)
    (table,) = CONDITION_TABLE.build(one).tables
    rows = {row[0].text: [cell.text for cell in row[1:]] for _, row in table.rows}
    # half a condition gained by 20 of 446 images: 2.2 ± 1.96 · √((20/446/4 − 0.022²) / 446) = 2.2 ± 1.0 points; arms
    # with images of their own would have ± 6
    *accuracies, interval, pairs = rows["contrast"]
    assert accuracies == ["56.1", "53.8", "+2.2"]
    low, high = (float(n.replace("−", "-")) for n in interval.strip("[]").split(", "))
    assert (low, high) == (pytest.approx(1.3, abs=0.15), pytest.approx(3.2, abs=0.15))
    assert pairs == "1"
    assert rows["pixelate"][3] == "–"  # its outcomes are not in the record
    assert "over the test images" in table.notes[0].text
    assert {v.outcome for v in one.verdicts} == {"no verdict"}


def with_outcomes(record, clean, *correct):
    """The record with these numbers of its 446 images correct, clean and under each condition: the first ones."""

    def scores(s, n):
        return msgspec.structs.replace(s, accuracy=[0.4, n / 446], outcomes=packed(k < n for k in range(446)))  # fmt: skip

    result = record.result
    return changed(record, result={
        "clean": msgspec.structs.replace(result.clean, accuracy=[0.4, clean / 446], outcomes=packed(k < clean for k in range(446))),
        "noise": [scores(s, n) for s, n in zip(result.noise, correct[:2], strict=True)],
        "corruptions": [scores(s, n) for s, n in zip(result.corruptions, correct[2:], strict=True)],
    })  # fmt: skip


def test_of_one_pair_the_main_table_has_intervals_over_the_test_images_and_says_so(card):
    ac = with_outcomes(example_record(), 400, 320, 310, 300, 290, 280, 270)
    residual = with_outcomes(example_record("residual"), 400, 280, 300, 300, 250, 280, 270)
    one = compare((ac, residual), card)
    (table,) = QUALITY.build(one).tables
    rows = {row[0].text.rpartition(",")[0]: [c.text for c in row[3:]] for _, row in table.rows}

    def interval(name):
        _, text, pairs = rows[name]
        assert pairs == "1"
        return [float(n.replace("−", "-")) for n in text.strip("[]").split(", ")]

    # 40 of 446 images gained: 9.0 ± 1.96 · √(0.09 · 0.91 / 446) = ± 2.7 points
    assert interval("Accuracy under Gaussian noise") == pytest.approx([6.3, 11.6], abs=0.5)
    assert interval("Area under Gaussian noise") == pytest.approx([3.2, 5.8], abs=0.4)  # half of it
    g = 1 / ac.result.classes
    kept = 40 / 446 / (400 / 446 - g)
    low, high = interval("Accuracy kept under Gaussian noise")
    assert low < 100 * kept < high
    assert high - low == pytest.approx(2 * 2.7 / (400 / 446 - g), abs=1)
    assert interval("Clean accuracy") == [0, 0]
    assert rows["NLL, clean"][1] == "–"
    assert "over the test images" in table.notes[0].text
    assert plain(one).rstrip().endswith("over the test images, and decide no verdict")
    assert {v.outcome for v in one.verdicts} == {"no verdict"}


def test_of_several_pairs_the_main_table_has_intervals_over_seeds_alone(comparison):
    (table,) = QUALITY.build(comparison).tables
    assert table.notes == ()
    assert "over the test images" not in plain(comparison)


def test_outcomes_of_images_that_contradict_an_accuracy_are_refused():
    record = under_contrast(example_record(), 300, 200)
    for outcomes, message in (
        (packed([True] * 446), r"corruptions\[0\]\.outcomes holds 446 correct images, not 300"),
        (packed([True] * 300), r"corruptions\[0\]\.outcomes: it does not hold 446 images"),
        ("?", r"corruptions\[0\]\.outcomes"),
    ):
        first = msgspec.structs.replace(record.result.corruptions[0], outcomes=outcomes)
        wrong = [first, *record.result.corruptions[1:]]
        with pytest.raises(ValueError, match=message):
            validate(
                msgspec.structs.replace(record.result, corruptions=wrong), record.config.benchmark
            )


def test_the_heat_map_has_a_cell_for_each_severity(comparison):
    (group,) = comparison.groups
    cells = corruptions.differences(group)
    assert [len(row) for row in cells] == [2, 2]
    assert all(d.mean == pytest.approx(0.05) for row in cells for d in row)


def test_robustbenchs_models_stand_beside_ours_on_its_data_alone(made, card):
    (here,) = compare(made, card).groups
    assert clean.published(here) == []  # digits
    full = DataProvenance(
        name="cifar10", fingerprint="0", canonical=True, train=50_000, test=10_000
    )

    def on(data):
        others = [msgspec.structs.replace(r.provenance, data=data) for r in made]
        moved = [
            msgspec.structs.replace(r, provenance=p) for r, p in zip(made, others, strict=True)
        ]
        return compare(moved, card)

    (group,) = on(full).groups
    standard = leaderboard.model("cifar10", "Standard")
    under = [standard.accuracy[name][s - 1] for name in ("contrast", "pixelate") for s in (1, 5)]
    assert (94.78, pytest.approx(25 * sum(under))) in clean.published(group)
    assert len(clean.published(group)) == len(leaderboard.models("cifar10"))
    assert "on the official files (RobustBench" in clean.draw(on(full)).caption
    (part,) = on(msgspec.structs.replace(full, canonical=False)).groups
    assert clean.published(part) == []


def test_the_page_says_how_noise_and_corruptions_were_made(comparison):
    html = reports.render(comparison, "html")
    for words in (
        "corruptions by the CIFAR-C formulas, made here: contrast and pixelate; severities 1 and 5",
        "before normalisation, in pixels in [0, 1]; clipped; not quantised",
        "plain: AC 81.0 % and residual 81.0 %", "15 bins of equal width",
        "Accuracy under noise", "AC − residual by corruption", "Corrupted against clean accuracy",
        "Accuracy by depth, clean and corrupted", "Confidence and accuracy",
    ):  # fmt: skip
        assert words in html, words


def test_home_made_corruptions_are_never_called_cifar_c(comparison):
    for text in (*(reports.render(comparison, f) for f in ("md", "latex")),):
        places = text.replace("CIFAR-C formulas, made here", "").replace("constants", "")
        assert "CIFAR-C" not in places
        assert "CIFAR-10-C" not in places


def test_the_papers_two_versions_of_its_levels_are_named():
    record = example_record()
    spec = msgspec.structs.replace(
        record.config.benchmark, noise={"salt_and_pepper": (0.01, 0.05, 0.1)}
    )
    words = report._noise_setting(spec)
    assert "Table 2 (0.01, 0.05, 0.1), where the paper's text has 1 %, 2 % and 10 %" in words
    other = msgspec.structs.replace(
        spec, noise={"gaussian": (0.3,)}, noise_after_normalisation=True, noise_clip=False
    )
    assert report._noise_setting(other) == (
        "gaussian at 0.3, after normalisation, in normalised pixels (half as much on [0, 1]); not clipped; "
        "not quantised; one draw for each image, the same for both arms"
    )


def test_a_home_made_corruption_is_the_reason_why_a_run_compares_with_nothing():
    config = example_record().config
    assert report.not_comparable(config, []) == [
        "corruptions by the CIFAR-C formulas, made here: not the official files",
        "13 of the 15 common corruptions were not measured",
        "2 of the 5 severities",
    ]
    noise = changed(example_record(), corruptions=()).config
    assert report.not_comparable(noise, []) == []


def test_arms_that_differ_on_clean_images_are_named(made, card):
    ahead = [
        changed(r, result={"clean": msgspec.structs.replace(r.result.clean, accuracy=[0.4, 0.9])})
        if r.config.backbone.wiring == "residual"
        else r
        for r in made
    ]
    (sentence,) = [s for s in caveats(compare(ahead, card)) if "differ on clean images" in s]
    assert "81.0 % for AC and 90.0 % for residual" in sentence
    assert "`--set match=0.81` stops both" in sentence
    matched = compare([changed(r, match=0.5) for r in ahead], card)
    (sentence,) = [s for s in caveats(matched) if "differ on clean images" in s]
    assert "`--set checks_per_epoch=4` stops both closer to it" in sentence
    assert not [s for s in caveats(compare(made, card)) if "differ on clean images" in s]


def test_an_arm_that_was_not_matched_has_no_verdict(made, card):
    short = [changed(r, match=0.95) for r in made]
    result = compare(short, card)
    assert {v.outcome for v in result.verdicts} == {"no verdict"}
    assert any("never reached 95 % of the held-out rows" in s for s in caveats(result))


def test_runs_of_other_corruptions_stand_in_other_groups(made, card):
    others = [
        changed(r, result={"corruptions": r.result.corruptions[:2]}, corruptions=("contrast",))
        for r in made
    ]
    labels = [g.label for g in compare([*made, *others], card).groups]
    assert labels == ["plain · corruptions contrast", "plain · corruptions contrast/pixelate"]
