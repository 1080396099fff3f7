"""A transfer in words: its protocol, its chance level and its caveats."""

from collections.abc import Iterator, Sequence

from acn_bench import wording
from acn_bench.analysis.groups import Arm, Group
from acn_bench.benchmarks.transfer.metrics import reached
from acn_bench.benchmarks.transfer.record import TransferRecord
from acn_bench.benchmarks.transfer.spec import TransferConfig, TransferSpec
from acn_bench.wording import each, plural

SIMILAR = 0.02  # arms whose source accuracies differ by more are dissimilar


# ---------------------------------------------------------------- one run


def describe(config: TransferConfig) -> str:
    """The protocol, in one line."""
    p = config.benchmark
    stop = "" if p.source_accuracy is None else f", or until {100 * p.source_accuracy:g} % held out"
    return (
        f"{p.data} for {p.epochs} epochs{stop}; then {p.target}: linear probes, and {p.finetune_epochs} epochs of "
        f"fine-tuning, whole and cut; batch {p.batch_size}, AdamW {p.learning_rate:g}"
    )


def summary(record: TransferRecord) -> str:
    """The outcome of a run, in a few words."""
    result = record.result
    cut = result.finetuned_cut
    words = [
        f"source {_share(result.source.accuracy.test[-1])}",
        f"fine-tuned {_share(result.finetuned.accuracy.test[-1])}",
        *([f"cut to {result.cut}: {_share(cut.accuracy.test[-1])}"] if cut else []),
        f"probe {_share(result.probed.accuracy.test[-1])}",
    ]
    return ", ".join(words)


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def practice(record: TransferRecord) -> dict[str, str]:
    """What a run does in place of the published settings that it cannot have."""
    p = record.config.benchmark
    return {
        "optimizer": f"AdamW at {p.learning_rate:g}, weight decay {p.weight_decay:g}",
        "schedule": "a constant learning rate",
        "held_out": f"{100 * p.validation:g} % of the training rows",
        "training": f"{p.epochs} epochs on the source at most, {p.finetune_epochs} on the target",
    }


# ---------------------------------------------------------------- the protocol


def setting(records: Sequence[TransferRecord]) -> list[tuple[str, str]]:
    """Source, matching and target; where runs differ, each value once."""
    specs = [r.config.benchmark for r in records]
    return [
        ("Source", each(_source(spec) for spec in specs)),
        ("Matching", each(_matching(spec) for spec in specs)),
        ("Target", each(_target(spec) for spec in specs)),
        ("Schemes", each(_schemes(records))),
    ]


def _source(spec: TransferSpec) -> str:
    return (
        f"{spec.data}: batches of {spec.batch_size}, AdamW at {spec.learning_rate:g}, weight decay "
        f"{spec.weight_decay:g}; {wording.augmented(spec.crop_padding, spec.flip)}; {100 * spec.validation:g} % of "
        "the training rows held out"
    )


def _matching(spec: TransferSpec) -> str:
    if spec.source_accuracy is None:
        return f"by epochs: every arm is trained for {spec.epochs} on the source"
    return (
        f"by source accuracy: an arm stops as soon as it has {100 * spec.source_accuracy:g} % of the held-out source "
        f"rows right, asked {spec.checks_per_epoch} times an epoch, or after {plural(spec.epochs, 'epoch')}"
    )


def _target(spec: TransferSpec) -> str:
    by = "the loss of the output" if spec.finetune_scheme == "plain" else "the scheme of the source"
    return (
        f"{spec.target}: a new head and {plural(spec.finetune_epochs, 'epoch')} of all weights at "
        f"{spec.finetune_learning_rate:g} by {by}, once the whole network and once cut to the blocks that are within "
        f"{100 * spec.tolerance:g} point of full depth on held-out source rows; and a linear probe on the frozen "
        "features of each depth, L2 chosen on held-out rows; the test rows are read once, at the end"
    )


def _schemes(records: Sequence[TransferRecord]) -> Iterator[str]:
    named = list(dict.fromkeys(r.config.benchmark.scheme for r in records))
    rates = ""
    if "layerskip" in named:
        matched = {r.config.benchmark.source_accuracy is not None for r in records}
        words = {
            True: "at their full rates from the first step",
            False: "at rates that rise over the steps",
        }
        rates = f"; layerskip drops blocks {each(words[m] for m in sorted(matched))}"
    yield f"{wording.listed(list(named))}, on the source; an arm that names none is plain{rates}"


def chance_level(record: TransferRecord) -> str:
    """The chance levels of source and target."""
    result = record.result
    return f"{100 / result.source_classes:.3g} % on the source, {100 / result.target_classes:.3g} % on the target"


# ---------------------------------------------------------------- caveats


def caveats(groups: Sequence[Group]) -> list[str]:
    """Which arms did not reach the accuracy that they were to be matched at."""
    return [
        sentence
        for group in groups
        for sentence in (*_never_reached(group), *_dissimilar(group), *_nothing_to_cut(group))
    ]


def _never_reached(group: Group) -> Iterator[str]:
    for arm in group.arms.values():
        short = [r for r in arm.records if reached(r) is False]
        if short:
            best = [r.result.source.held_out[-1] for r in short]
            wanted = each(f"{100 * (r.config.benchmark.source_accuracy or 0):g} %" for r in short)
            yield (
                f"{_named(group, arm)}: {len(short)} of {plural(len(arm.records), 'run')} never reached {wanted} of "
                "the held-out source rows; they continued with the network of the last epoch, at "
                f"{100 * sum(best) / len(best):.1f} %, so they are not matched, and there is no verdict on them."
            )


def _dissimilar(group: Group) -> Iterator[str]:
    """Arms whose accuracies on the source differ by more than `SIMILAR`."""
    means = {
        arm.title: sum(r.result.source.accuracy.test[-1] for r in arm.records) / len(arm.records)
        for arm in group.arms.values()
    }
    low, high = min(means, key=lambda a: means[a]), max(means, key=lambda a: means[a])
    if means[high] - means[low] > SIMILAR:
        yield (
            f"{group.label}: the arms differ on the source: test accuracy is {100 * means[low]:.1f} % for {low} "
            f"and {100 * means[high]:.1f} % for {high}; what that leads to on the target is part of each difference."
        )


def _nothing_to_cut(group: Group) -> Iterator[str]:
    for arm in group.arms.values():
        uncut = sum(r.result.cut is None for r in arm.records)
        if uncut:
            yield (
                f"{_named(group, arm)}: in {uncut} of {plural(len(arm.records), 'run')} no depth could be chosen to "
                "cut to, since the network has no depths or was not above the chance level on the source."
            )


def _named(group: Group, arm: Arm) -> str:
    return f"{group.label}, {arm.title}"
