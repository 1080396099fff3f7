"""Comparison -> for each preset of the runs, how they deviate from the protocol that it is named after."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from acn_bench import wording
from acn_bench.analysis import caveats
from acn_bench.analysis.comparison import Comparison, seeds_varied
from acn_bench.analysis.groups import kind_of
from acn_bench.catalog import Preset
from acn_bench.record import Record


@dataclass(frozen=True)
class Departure:
    """One preset, and how its runs deviate from it."""

    preset: str
    source: str
    sentences: tuple[str, ...]


def departures(comparison: Comparison) -> list[Departure]:
    """One entry for each preset of the card that any record names, in the card's order."""
    card = comparison.card
    deviations = []
    for name, preset in (card.preset if card else {}).items():
        records = [r for r in comparison.records if r.config.preset == name]
        if records:
            sentences = [*_values(preset, records), *_published(preset, records)]
            deviations.append(Departure(name, preset.source, tuple(dict.fromkeys(sentences))))
    return deviations


def _values(preset: Preset, records: Sequence[Record]) -> Iterator[str]:
    """The preset's settings that some run changes, by --quick, --set, --seeds or --data."""
    for key, value in preset.values.items():
        if key == "seeds":
            seeds = sorted({r.config.seeds.order for r in records})
            if seeds != sorted(value):
                yield wording.instead(key, seeds, value)
            continue
        for record in records:
            protocol = msgspec.to_builtins(record.config.benchmark)
            if key in protocol and protocol[key] != value:
                yield wording.instead(key, protocol[key], value)
    for record in records:
        data = record.provenance.data
        if not data.canonical:
            yield f"data: {caveats.data_title(data)}, not the full original set"


def _published(preset: Preset, records: Sequence[Record]) -> Iterator[str]:
    """The published settings that no run can have, with what the runs do in their place."""
    for key, published in preset.published.items():
        practice = "; or ".join(dict.fromkeys(_here(key, record) for record in records))
        if key == "seeds":
            practice = seeds_varied(records)
        yield f"{wording.key(key)}: {published} as published; here {practice or 'no such setting'}"


def _here(key: str, record: Record) -> str:
    """What a run does in place of a published setting that it cannot have."""
    backbone, strategy = record.config.backbone, record.config.strategy
    if key == "backbone":
        blocks = "" if backbone.depth is None else f", {backbone.depth} blocks"
        return f"{backbone.name}{blocks}"
    if key == "memory":
        sizes = [getattr(strategy, n, None) for n in ("memory", "memory_per_experience")]
        held = next((size for size in sizes if size), None)
        return f"{held or 'none'} ({strategy.name if strategy else 'no strategy'})"
    return kind_of(record).practice(record).get(key, "")
