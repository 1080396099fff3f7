"""What a report shows of a continual benchmark."""

from collections.abc import Sequence

from acn_bench import orders
from acn_bench.records import RunRecord
from acn_bench.reports import definitions, measures, wording
from acn_bench.reports.definitions import LEDGER
from acn_bench.reports.kind import Kind
from acn_bench.reports.measures import COST, QUALITY
from acn_bench.reports.wording import each
from acn_bench.spec import ContinualSpec


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
        fixed = orders.fixed(spec.class_order)
        if fixed is not None:
            name = spec.class_order if isinstance(spec.class_order, str) else "given as a list"
            said.append(f"{name}, the same for every seed (hash {orders.digest(fixed)})")
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


CONTINUAL = Kind(
    metrics={name: measures.METRICS[name] for name in (*QUALITY, *COST, *LEDGER)},
    quality=QUALITY,
    cost=COST,
    overview=("average_accuracy", "masked_accuracy", "forgetting"),
    per_run=("forgetting", "average_accuracy", "noise_drop", "utilised_depth", "seconds"),
    ledger=tuple(LEDGER),
    protocol=protocol,
    guessing=_guessing,
    caveats=lambda _: [],
    unlisted=frozenset({"name", "arguments", "noise", "noise_after", "validation", "linear_probe"}),
    other_experiment=("data", "experiences", "classes_per_experience", "heads"),
)
