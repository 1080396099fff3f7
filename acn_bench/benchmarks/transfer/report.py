"""What a report shows of a transfer: accuracy on the target, and how alike the arms were on the source."""

from collections.abc import Iterator, Sequence

from acn_bench import wording
from acn_bench.analysis import measures
from acn_bench.analysis.groups import Arm, Group
from acn_bench.analysis.measures import COST, QUALITY_TRANSFER
from acn_bench.benchmarks.transfer.metrics import reached
from acn_bench.records import RunRecord
from acn_bench.reports.kind import Kind
from acn_bench.spec import TransferSpec
from acn_bench.wording import each, plural

SIMILAR = 0.02  # arms whose source accuracies differ by more are said to be unlike


def protocol(records: Sequence[RunRecord]) -> list[tuple[str, str]]:
    """Source, matching and target; where runs differ, each way of it once."""
    specs = [r.config.transfer for r in records]
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


def _schemes(records: Sequence[RunRecord]) -> Iterator[str]:
    named = list(dict.fromkeys(r.config.transfer.scheme for r in records))
    rates = ""
    if "layerskip" in named:
        matched = {r.config.transfer.source_accuracy is not None for r in records}
        said = {
            True: "at their full rates from the first step",
            False: "at rates that rise over the steps",
        }
        rates = f"; layerskip drops blocks {each(said[m] for m in sorted(matched))}"
    yield f"{wording.listed(list(named))}, on the source; an arm that names none is plain{rates}"


def _guessing(record: RunRecord) -> str:
    result = record.transfer
    return f"{100 / result.source_classes:.3g} % on the source, {100 / result.target_classes:.3g} % on the target"


# ---------------------------------------------------------------- read with care


def caveats(groups: Sequence[Group]) -> list[str]:
    """Which arms did not reach the accuracy that they were to be matched at."""
    return [
        sentence
        for group in groups
        for sentence in (*_never_reached(group), *_apart(group), *_nothing_to_cut(group))
    ]


def _never_reached(group: Group) -> Iterator[str]:
    for arm in group.arms.values():
        short = [r for r in arm.records if reached(r) is False]
        if short:
            best = [r.transfer.source.held_out[-1] for r in short]
            wanted = each(f"{100 * (r.config.transfer.source_accuracy or 0):g} %" for r in short)
            yield (
                f"{_named(group, arm)}: {len(short)} of {plural(len(arm.records), 'run')} never reached {wanted} of "
                "the held-out source rows; they went on with the network of the last epoch, at "
                f"{100 * sum(best) / len(best):.1f} %, so they are not matched, and there is no verdict on them."
            )


def _apart(group: Group) -> Iterator[str]:
    """How far the arms are from alike on the source, where that is more than a fine-tuned point or two."""
    found = {
        arm.title: sum(r.transfer.source.accuracy.test[-1] for r in arm.records) / len(arm.records)
        for arm in group.arms.values()
    }
    low, high = min(found, key=lambda a: found[a]), max(found, key=lambda a: found[a])
    if found[high] - found[low] > SIMILAR:
        yield (
            f"{group.label}: arms are not alike on the source: its test accuracy is {100 * found[low]:.1f} % for {low} "
            f"and {100 * found[high]:.1f} % for {high}; what that leads to on the target is part of each difference."
        )


def _nothing_to_cut(group: Group) -> Iterator[str]:
    for arm in group.arms.values():
        unsaid = sum(r.transfer.cut is None for r in arm.records)
        if unsaid:
            yield (
                f"{_named(group, arm)}: in {unsaid} of {plural(len(arm.records), 'run')} no depth could be chosen to "
                "cut to, since the network has no depths or was not above guessing on the source."
            )


def _named(group: Group, arm: Arm) -> str:
    return f"{group.label}, {arm.title}"


TRANSFER = Kind(
    metrics={name: measures.METRICS[name] for name in (*QUALITY_TRANSFER, *COST)},
    quality=QUALITY_TRANSFER,
    cost=COST,
    overview=("finetuned_accuracy", "finetuned_cut_accuracy", "probe_accuracy"),
    per_run=(
        "finetuned_accuracy",
        "finetuned_cut_accuracy",
        "probe_accuracy",
        "source_accuracy",
        "source_epochs",
        "cut_depth",
    ),
    ledger=(),
    protocol=protocol,
    guessing=_guessing,
    caveats=caveats,
    matched=lambda record: reached(record) is not False,
    unlisted=frozenset({"name", "validation", "scheme", "tolerance", "probe_penalties"}),
    other_experiment=("data", "target"),
)
