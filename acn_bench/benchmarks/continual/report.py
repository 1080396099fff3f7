"""A continual benchmark in words: its protocol, its chance level and its caveats."""

from collections.abc import Iterator, Sequence

from acn_bench import wording
from acn_bench.analysis import depth_metrics, labels
from acn_bench.analysis.groups import Group
from acn_bench.benchmarks.continual import class_orders, definitions, metrics
from acn_bench.benchmarks.continual.record import ContinualRecord
from acn_bench.benchmarks.continual.spec import ContinualConfig, ContinualSpec
from acn_bench.data.data_set import DataSet
from acn_bench.metrics import average_accuracy, forgetting
from acn_bench.wording import each, plural

SIMILAR = 0.01  # arms within a point of each other learned similarly
COARSE = 0.05  # of the accuracy above the chance level
SAME_IMPORTANCE = (
    0.5  # of the weights: with more of them at the limit, most importances are the same
)


# ---------------------------------------------------------------- one run


def describe(config: ContinualConfig) -> str:
    """The protocol, in one line."""
    protocol = config.benchmark
    return (
        f"{protocol.experiences} experiences of {protocol.classes_per_experience} classes, "
        f"{'task-incremental' if protocol.task_incremental else 'class-incremental'}, {_budget(protocol)}, "
        f"batch {protocol.batch_size}, AdamW {protocol.learning_rate:g}"
        f"{'' if protocol.scheme == 'plain' else f', trained by {protocol.scheme}'}"
        f"{'' if protocol.select == 'none' else f', {protocol.select} selected'}"
    )


def _budget(protocol: ContinualSpec) -> str:
    if protocol.seconds:
        return f"{protocol.seconds:g} s each"
    epochs = plural(protocol.epochs, "epoch")
    return f"as many images as in {epochs}" if protocol.budget == "images" else epochs


def summary(record: ContinualRecord) -> str:
    """The outcome of a run, in a few words."""
    accuracy = average_accuracy(record.result.accuracy)
    forgotten = forgetting(record.result.accuracy)
    words = [f"accuracy {100 * accuracy:.1f} %"] if accuracy is not None else []
    if forgotten is not None:
        words.append(f"forgetting {100 * forgotten:.1f} points")
    return ", ".join(words)


def practice(record: ContinualRecord) -> dict[str, str]:
    """What a run does in place of the published settings that it cannot have."""
    p = record.config.benchmark
    return {
        "optimizer": f"AdamW at {p.learning_rate:g}, weight decay {p.weight_decay:g}",
        "schedule": "a constant learning rate",
        "held_out": f"{100 * p.validation:g} % of the training rows",
        "training": f"{p.epochs} epochs per experience",
    }


def not_comparable(config: ContinualConfig, data: Sequence[DataSet]) -> list[str]:
    """Why figures of a continual run compare with no published ones."""
    protocol, first, reasons = config.benchmark, data[0], []
    arrive = protocol.classes
    if arrive < len(first.class_names):
        reasons.append(f"only {arrive} of the {len(first.class_names)} classes of {first.name}")
    if protocol.seconds:
        reasons.append(
            f"budget {protocol.budget}: how much is learned in a time depends on the machine, and no run can be "
            "repeated exactly"
        )
    return reasons


# ---------------------------------------------------------------- the protocol


def setting(records: Sequence[ContinualRecord]) -> list[tuple[str, str]]:
    """Stream, order of the classes and training; where runs differ, each value once."""
    specs = [r.config.benchmark for r in records]
    return [
        ("Stream", each(_stream(spec) for spec in specs)),
        *_order(specs),
        ("Training", each(_training(spec) for spec in specs)),
        *_budgets(specs),
        *_selection(specs),
    ]


def _budgets(specs: Sequence[ContinualSpec]) -> list[tuple[str, str]]:
    """What is equal for all arms, where a run has another budget than epochs."""
    budgets = [spec.budget for spec in specs]
    return [("Fair by", each(map(labels.equal, budgets)))] if set(budgets) - {"epochs"} else []


def _selection(specs: Sequence[ContinualSpec]) -> list[tuple[str, str]]:
    """How a strategy's strength was selected, where it was."""
    words = [
        f"for each experience after the first, the largest of {wording.plural(s.select_tries, 'strength')}, from "
        f"{s.select_start:g} times the strategy's down by a factor of {s.select_decay:g}, that keeps "
        f"{100 * (1 - s.select_drop):g} % of the accuracy of plain fine-tuning on held-out rows of that experience"
        for s in specs
        if s.select != "none"
    ]
    return [("Strength", each(words))] if words else []


def _stream(spec: ContinualSpec) -> str:
    heads = (
        "task-incremental (multi-head: the experience is known when tested)"
        if spec.task_incremental
        else "class-incremental (single head: the experience is not known when tested; the head holds "
        "all classes from the start, and the loss is over all of them)"
    )
    return f"{spec.experiences} experiences of {spec.classes_per_experience} classes, {heads}"


def _order(specs: Sequence[ContinualSpec]) -> list[tuple[str, str]]:
    """The order of the classes, where it is the same for every seed."""
    orders = []
    for spec in specs:
        if ":" in spec.data:
            orders.append("the benchmark's own, the same for every seed")
        fixed = class_orders.fixed(spec.class_order)
        if fixed is not None:
            name = spec.class_order if isinstance(spec.class_order, str) else "given as a list"
            orders.append(f"{name}, the same for every seed (hash {class_orders.digest(fixed)})")
    return [("Class order", each(orders))] if orders else []


def _training(spec: ContinualSpec) -> str:
    ends = f"{wording.plural(spec.epochs, 'epoch')} per experience"
    if spec.budget == "images":
        ends = f"as many images per experience as {wording.plural(spec.epochs, 'epoch')} hold"
    if spec.seconds:
        ends = f"{spec.seconds:g} s per experience"
    return (
        f"{ends}, batches of {spec.batch_size}, "
        f"{spec.optimizer.replace('adamw', 'AdamW')} at {spec.learning_rate:g}, weight decay "
        f"{spec.weight_decay:g}; {wording.augmented(spec.crop_padding, spec.flip)}; "
        f"{'' if spec.scheme == 'plain' else f'scheme {spec.scheme}; '}"
        f"{100 * spec.validation:g} % of the training rows held out"
    )


def chance_level(record: ContinualRecord) -> str:
    """The chance level of an accuracy."""
    level = f"{100 * definitions.chance(record):.3g} % accuracy"
    masked = metrics.masked_chance(record)
    return level if masked is None else f"{level}; {100 * masked:.3g} % masked to the experience"


# ---------------------------------------------------------------- caveats


def caveats(groups: Sequence[Group]) -> list[str]:
    """Sentences where a metric alone would mislead."""
    return [*_learned(groups), *_limited(groups), *_coarse(groups)]


def _learned(groups: Sequence[Group]) -> Iterator[str]:
    """Arms that did not learn the same: what was not learned cannot be forgotten."""
    differences = [(g.label, g.difference("learning_accuracy")) for g in groups]
    dissimilar = [
        (label, d) for label, d in differences if d is not None and abs(d.mean) >= SIMILAR
    ]
    words = [
        f"{label}: {wording.change('%', d.mean, d.interval)} points"
        + (f" {wording.bracket('%', d.mean, d.interval)}" if d.interval else "")
        for label, d in dissimilar
    ]
    if words:
        title = groups[0].kind.metric("relative_forgetting").title
        yield (
            f"AC and residual did not learn the same, just after each experience, AC − residual: {'; '.join(words)}. "
            f"What was not learned cannot be forgotten: read forgetting together with “{title}”, which takes that out."
        )


def _limited(groups: Sequence[Group]) -> Iterator[str]:
    """Groups whose penalty has the same weight nearly everywhere: their strategy is another than its name says."""
    for group in groups:
        shares = [r.result.share_at_limit[-1] for r in group.records if r.result.share_at_limit]
        if shares and min(shares) > SAME_IMPORTANCE:
            low, high = (f"{100 * share:.4g}" for share in (min(shares), max(shares)))
            yield (
                f"{group.label}: {low if low == high else f'{low} to {high}'} % of the weights are at the limit of "
                "their importance. The penalty is nearly the same for every weight, an L2 penalty: these runs say "
                "little about the strategy."
            )


def _coarse(groups: Sequence[Group]) -> Iterator[str]:
    """Where one point, the tolerance of utilised depth, is a large share of the accuracy above the chance level."""
    above = [
        curve[-1] - definitions.chance(r)
        for group in groups
        for r in group.records
        if (curve := depth_metrics.depth_curve(r, "validation"))
        and depth_metrics.utilised_depth(r) is not None
    ]
    shares = [depth_metrics.TOLERANCE / a for a in above]
    if shares and max(shares) > COARSE:
        low, high = (f"{100 * share:.0f}" for share in (min(shares), max(shares)))
        yield (
            f"One point, the tolerance of utilised depth, is {high if low == high else f'{low} to {high}'} % of "
            "the accuracy of the final networks above the chance level, and that is a mean over experiences: a cut can cost "
            "much of what is left of one of them. “Accuracy cut to utilised depth” and the depth curves show what it costs."
        )
