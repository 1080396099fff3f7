"""What a report shows of a continual benchmark."""

from collections.abc import Iterator, Sequence

from acn_bench import wording
from acn_bench.analysis import measures
from acn_bench.analysis.groups import Group
from acn_bench.analysis.measures import COST, QUALITY
from acn_bench.benchmarks.continual import class_orders, definitions
from acn_bench.benchmarks.continual.definitions import LEDGER
from acn_bench.records import RunRecord
from acn_bench.reports.kind import Kind
from acn_bench.spec import ContinualSpec
from acn_bench.wording import each

SIMILAR = 0.01  # arms that learned within a point of each other are said to have learned alike
COARSE = 0.05  # of what a network has above guessing


def protocol(records: Sequence[RunRecord]) -> list[tuple[str, str]]:
    """Stream, order of the classes and training; where runs differ, each way of it once."""
    specs = [r.config.continual for r in records]
    return [
        ("Stream", each(_stream(spec) for spec in specs)),
        *_order(specs),
        ("Training", each(_training(spec) for spec in specs)),
    ]


def _stream(spec: ContinualSpec) -> str:
    heads = (
        "a head each (task-incremental: the experience is known when tested)"
        if spec.heads == "each"
        else "one head for all (class-incremental: the experience is not known when tested; the head holds "
        "all classes from the start, and the loss is over all of them)"
    )
    return f"{spec.experiences} experiences of {spec.classes_per_experience} classes, {heads}"


def _order(specs: Sequence[ContinualSpec]) -> list[tuple[str, str]]:
    """The order of the classes, where it is not each seed's own."""
    said = []
    for spec in specs:
        if ":" in spec.data:
            said.append("the benchmark's own, the same for every seed")
        fixed = class_orders.fixed(spec.class_order)
        if fixed is not None:
            name = spec.class_order if isinstance(spec.class_order, str) else "given as a list"
            said.append(f"{name}, the same for every seed (hash {class_orders.digest(fixed)})")
    return [("Class order", each(said))] if said else []


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


def _guessing(record: RunRecord) -> str:
    said = f"{100 * definitions.chance(record):.3g} % accuracy"
    masked = measures.masked_chance(record)
    return said if masked is None else f"{said}; {100 * masked:.3g} % masked to the experience"


# ---------------------------------------------------------------- read with care


def caveats(groups: Sequence[Group]) -> list[str]:
    """Where a metric alone would mislead."""
    return [*_learned(groups), *_coarse(groups)]


def _learned(groups: Sequence[Group]) -> Iterator[str]:
    """Arms that did not learn the same: what was not learned cannot be forgotten."""
    found = [(g.label, g.difference("learning_accuracy")) for g in groups]
    apart = [(label, d) for label, d in found if d is not None and abs(d.mean) >= SIMILAR]
    said = [
        f"{label}: {wording.change('%', d.mean, d.interval)} points"
        + (f" {wording.bracket('%', d.mean, d.interval)}" if d.interval else "")
        for label, d in apart
    ]
    if said:
        title = measures.METRICS["relative_forgetting"].title
        yield (
            f"AC and residual did not learn alike, just after each experience, AC less residual: {'; '.join(said)}. "
            f"What was not learned cannot be forgotten: read forgetting beside “{title}”, which takes that out."
        )


def _coarse(groups: Sequence[Group]) -> Iterator[str]:
    """Where one point, the tolerance of utilised depth, is much of what a network knows."""
    above = [
        curve[-1] - definitions.chance(r)
        for group in groups
        for r in group.records
        if (curve := measures.depth_curve(r, "validation"))
        and measures.utilised_depth(r) is not None
    ]
    shares = [measures.TOLERANCE / a for a in above]
    if shares and max(shares) > COARSE:
        low, high = (f"{100 * share:.0f}" for share in (min(shares), max(shares)))
        yield (
            f"One point, the tolerance of utilised depth, is {high if low == high else f'{low} to {high}'} % of what "
            "the final networks have above guessing, and a mean over experiences: a cut can cost much of what is "
            "left of one of them. “Accuracy cut to utilised depth” and the depth curves show what it costs."
        )


CONTINUAL = Kind(
    metrics={name: measures.METRICS[name] for name in (*QUALITY, *COST, *LEDGER)},
    quality=QUALITY,
    cost=COST,
    overview=("average_accuracy", "masked_accuracy", "forgetting"),
    per_run=("forgetting", "average_accuracy", "noise_kept", "utilised_depth", "seconds"),
    ledger=tuple(LEDGER),
    protocol=protocol,
    guessing=_guessing,
    caveats=caveats,
    matched=lambda _: True,
    unlisted=frozenset({"name", "arguments", "noise", "noise_after", "validation", "linear_probe"}),
    other_experiment=("data", "experiences", "classes_per_experience", "heads"),
)
