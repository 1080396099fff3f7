"""A robustness benchmark in words: its protocol, its chance level and its caveats."""

from collections.abc import Iterator, Sequence

from acn_bench import wording
from acn_bench.analysis.groups import Group, grouped
from acn_bench.benchmarks.robustness import attack_metrics, attack_report, measures
from acn_bench.benchmarks.robustness.record import RobustnessRecord
from acn_bench.benchmarks.robustness.spec import RobustnessConfig, RobustnessSpec
from acn_bench.data.data_set import DataSet
from acn_bench.registry import OFFICIAL
from acn_bench.wording import each, plural

SIMILAR = 0.01  # arms whose clean accuracies differ by more are dissimilar
TABLE_2 = (0.01, 0.05, 0.1)  # salt and pepper of the ACN paper
CONSTANTS = {
    "cifar_c": "corruptions by the CIFAR-C formulas, made here",
    "imagenet_c": "corruptions by the ImageNet-C formulas, made here (the official ImageNet-C files are JPEG-compressed "
    "once more)",
}


def source(spec: RobustnessSpec) -> str:
    """Where the corrupted images come from."""
    if not spec.official:
        return CONSTANTS[spec.constants]
    info = OFFICIAL.load(spec.files)
    return f"{info.title}, the official files{f' ({info.note})' if info.note else ''}"


def jpeg_note(groups: Sequence[Group]) -> str:
    """The sentence that stands beside each figure of ImageNet-C or of its formulas; empty for others."""
    specs = [g.config.benchmark for g in groups if g.config.benchmark.common]
    files = sorted({OFFICIAL.load(s.files).title for s in specs if s.official and _note(s)})
    made = any(not s.official and s.constants == "imagenet_c" for s in specs)
    if not files and not made:
        return ""
    here = "; the images made here are not" if made else ""
    titles = wording.listed(files or ["ImageNet-C"])
    return (
        f"The official files of {titles} are JPEG-compressed once more than the formulas say{here}."
    )


def _note(spec: RobustnessSpec) -> str:
    return OFFICIAL.load(spec.files).note


# ---------------------------------------------------------------- one run


def describe(config: RobustnessConfig) -> str:
    """The protocol, in one line."""
    p = config.benchmark
    stop = "" if p.match is None else f", or until {100 * p.match:g} % held out"
    scheme = "" if p.scheme == "plain" else f", trained by {p.scheme}"
    attack = [attack_report.title(p)] if p.linf else []
    tested = wording.listed([*_noise(p), *_corruptions(p), *attack]) or "clean images alone"
    if config.backbone.trained:
        return f"networks that were trained before, on the test images of {p.data}; {tested}"
    return (
        f"{p.data} for {plural(p.epochs, 'epoch')}{stop}, batch {p.batch_size}, AdamW {p.learning_rate:g}{scheme}; "
        f"then {tested}"
    )


def _noise(spec: RobustnessSpec) -> list[str]:
    return [
        f"{wording.key(name)} at {', '.join(f'{level:g}' for level in levels)}"
        for name, levels in spec.noise.items()
    ]


def _corruptions(spec: RobustnessSpec) -> list[str]:
    if not spec.common:
        return []
    severities = ", ".join(map(str, spec.severities))
    files = f" of {OFFICIAL.load(spec.files).title}" if spec.official else ""
    return [f"{plural(len(spec.common), 'corruption')}{files} at severity {severities}"]


def summary(record: RobustnessRecord) -> str:
    """The outcome of a run, in a few words."""
    values = {
        "clean": record.result.clean.accuracy[-1],
        "noisy": measures.mean(record.result.noise),
        "corrupted": measures.mean(record.result.corruptions),
        "under attack": attack_metrics.robust(record),
    }
    return ", ".join(f"{word} {100 * v:.1f} %" for word, v in values.items() if v is not None)


def practice(record: RobustnessRecord) -> dict[str, str]:
    """What a run does in place of the published settings that it cannot have."""
    p = record.config.benchmark
    return {
        "optimizer": f"AdamW at {p.learning_rate:g}, weight decay {p.weight_decay:g}",
        "schedule": "a constant learning rate",
        "held_out": f"{100 * p.validation:g} % of the training rows",
        "training": plural(p.epochs, "epoch"),
        "normalisation": "mean and standard deviation 0.5",
    }


def not_comparable(config: RobustnessConfig, data: Sequence[DataSet]) -> list[str]:
    """Why figures of a robustness run compare with no published ones."""
    attacked = attack_report.not_comparable(config.benchmark, data)
    return [*_corruptions_not_comparable(config.benchmark), *attacked]


def _corruptions_not_comparable(spec: RobustnessSpec) -> list[str]:
    if not spec.common:
        return []
    reasons = [] if spec.official else [f"{CONSTANTS[spec.constants]}: not the official files"]
    standard = spec.standard_corruptions
    missing = [name for name in standard if name not in spec.common]
    if missing:
        reasons.append(
            f"{len(missing)} of the {len(standard)} common corruptions were not measured"
        )
    if len(spec.severities) < 5:
        reasons.append(f"{len(spec.severities)} of the 5 severities")
    return reasons


# ---------------------------------------------------------------- the protocol


def setting(records: Sequence[RobustnessRecord]) -> list[tuple[str, str]]:
    """Training, noise and corruptions; where runs differ, each value once."""
    specs = [r.config.benchmark for r in records]
    noise = [_noise_setting(spec) for spec in specs if spec.noise]
    common = [_corruption_setting(spec) for spec in specs if spec.common]
    attacks = [
        attack_report.setting(r.config.benchmark, r.result.attack.images)
        for r in records
        if r.result.attack is not None
    ]
    return [
        ("Training", each(_training(r.config) for r in records)),
        *([("Noise", each(noise))] if noise else []),
        *([("Corruptions", each(common))] if common else []),
        *([("Attack", each(attacks))] if attacks else []),
        ("Scores", _SCORES),
        ("Clean accuracy", "; ".join(map(_clean, grouped(records)))),
    ]


def _clean(group: Group) -> str:
    """The mean clean accuracy of each arm of a group: what its other figures are read beside."""
    means = [
        f"{a.title} {100 * (a.cell('clean_accuracy').mean or 0):.1f} %" for a in group.arms.values()
    ]
    return f"{group.label}: {wording.listed(means)}"


_SCORES = (
    "accuracy, negative log-likelihood (NLL), expected calibration error (15 bins of equal width) and Brier score of "
    "every condition are of the same predictions, at every depth in one pass; the test rows are read once, at the end"
)


def _training(config: RobustnessConfig) -> str:
    spec = config.benchmark
    if config.backbone.trained:
        return (
            "none: the networks were trained before, and are measured as they are; their held-out rows are not known, so "
            "no utilised depth is chosen"
        )
    ends = plural(spec.epochs, "epoch")
    if spec.match is not None:
        ends = (
            f"until {100 * spec.match:g} % of the held-out rows are right, measured {spec.checks_per_epoch} times an "
            f"epoch, or for {ends}"
        )
    return (
        f"{ends} on clean images, batches of {spec.batch_size}, AdamW at {spec.learning_rate:g}, weight decay "
        f"{spec.weight_decay:g}; {wording.augmented(spec.crop_padding, spec.flip)}; "
        f"{'' if spec.scheme == 'plain' else f'scheme {spec.scheme}; '}"
        f"{100 * spec.validation:g} % of the training rows held out"
    )


def _noise_setting(spec: RobustnessSpec) -> str:
    place = "after" if spec.noise_after_normalisation else "before"
    scale = (
        "normalised pixels (half as much on [0, 1])"
        if spec.noise_after_normalisation
        else "pixels in [0, 1]"
    )
    words = [
        f"{wording.listed(_noise(spec))}, {place} normalisation, in {scale}",
        "clipped" if spec.noise_clip else "not clipped",
        "in 8 bits" if spec.noise_quantise else "not quantised",
    ]
    if "salt_and_pepper" in spec.noise:
        share = (
            "values, each channel on its own" if spec.noise_per_value else "pixels, all channels"
        )
        words.append(f"salt and pepper: a share of the {share}")
        if spec.noise["salt_and_pepper"] == TABLE_2:
            words.append(
                "its levels are those of the ACN paper's Table 2 (0.01, 0.05, 0.1), where the paper's text has 1 %, 2 % "
                "and 10 %"
            )
    words.append("one draw for each image, the same for both arms")
    return "; ".join(words)


def _corruption_setting(spec: RobustnessSpec) -> str:
    names = wording.listed([wording.key(name) for name in spec.common])
    severities = wording.listed([str(s) for s in spec.severities])
    return f"{source(spec)}: {names}; severities {severities}"


def chance_level(record: RobustnessRecord) -> str:
    """The chance level of an accuracy."""
    return f"{100 / record.result.classes:.3g} % accuracy"


# ---------------------------------------------------------------- caveats


def caveats(groups: Sequence[Group]) -> list[str]:
    """Arms that did not reach the accuracy that they were to be matched at, unequal clean accuracies, files in JPEG."""
    of_groups = [s for group in groups for s in (*_never_reached(group), *_dissimilar(group))]
    note = jpeg_note(groups)
    return [*of_groups, note] if note else of_groups


def _never_reached(group: Group) -> Iterator[str]:
    for arm in group.arms.values():
        short = [r for r in arm.records if measures.reached(r) is False]
        if short:
            wanted = each(f"{100 * (r.config.benchmark.match or 0):g} %" for r in short)
            yield (
                f"{group.label}, {arm.title}: {len(short)} of {plural(len(arm.records), 'run')} never reached {wanted} "
                "of the held-out rows, so they are not matched, and there is no verdict on them."
            )


def _dissimilar(group: Group) -> Iterator[str]:
    """Arms whose clean accuracies differ by more than `SIMILAR`."""
    means = {a.title: m for a in group.arms.values() if (m := a.cell("clean_accuracy").mean)}
    if not means:
        return
    low, high = min(means, key=lambda a: means[a]), max(means, key=lambda a: means[a])
    if means[high] - means[low] > SIMILAR:
        yield (
            f"{group.label}: the arms differ on clean images: {100 * means[low]:.1f} % for {low} and "
            f"{100 * means[high]:.1f} % for {high}; part of each difference under corruption comes from that. "
            f"{_closer(group.config.benchmark, means[low])}"
        )


def _closer(spec: RobustnessSpec, accuracy: float) -> str:
    """What brings the clean accuracies closer together."""
    if spec.match is None:
        return f"`--set match={accuracy:.2f}` stops both at the same held-out accuracy."
    more = 4 * spec.checks_per_epoch
    return (
        f"Each stopped at the first of {plural(spec.checks_per_epoch, 'measurement')} an epoch that reached `match`: "
        f"`--set checks_per_epoch={more}` stops both closer to it."
    )
