"""Comparison -> for each preset that was asked for, where its runs depart from the protocol it is named after."""

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
    """One preset, and what its runs do otherwise."""

    preset: str
    source: str
    sentences: tuple[str, ...]


def departures(comparison: Comparison) -> list[Departure]:
    """One entry for each preset of the card that any record names, in the card's order."""
    card = comparison.card
    found = []
    for name, preset in (card.preset if card else {}).items():
        records = [r for r in comparison.records if r.config.preset == name]
        if records:
            sentences = [*_values(preset, records), *_published(preset, records)]
            found.append(Departure(name, preset.source, tuple(dict.fromkeys(sentences))))
    return found


def _values(preset: Preset, records: Sequence[Record]) -> Iterator[str]:
    """What the preset sets, and some run has otherwise: --quick, --set, --seeds or --data said so."""
    for key, theirs in preset.values.items():
        if key == "seeds":
            ours = sorted({r.config.seeds.order for r in records})
            if ours != sorted(theirs):
                yield wording.instead(key, ours, theirs)
            continue
        for record in records:
            protocol = msgspec.to_builtins(record.config.benchmark)
            if key in protocol and protocol[key] != theirs:
                yield wording.instead(key, protocol[key], theirs)
    for record in records:
        data = record.provenance.data
        if not data.canonical:
            yield f"data: {caveats.data_title(data)}, not the full original set"


def _published(preset: Preset, records: Sequence[Record]) -> Iterator[str]:
    """What no run here can take from the publication, beside what is done here."""
    for key, theirs in preset.published.items():
        ours = "; or ".join(dict.fromkeys(_here(key, record) for record in records))
        if key == "seeds":
            ours = seeds_varied(records)
        yield f"{wording.key(key)}: {theirs} as published; here {ours or 'no such setting'}"


def _here(key: str, record: Record) -> str:
    """What a run does where a preset's publication does something that it cannot."""
    backbone, strategy = record.config.backbone, record.config.strategy
    if key == "backbone":
        blocks = "" if backbone.depth is None else f", {backbone.depth} blocks"
        return f"{backbone.name}{blocks}"
    if key == "memory":
        sizes = [getattr(strategy, n, None) for n in ("memory", "memory_per_experience")]
        held = next((size for size in sizes if size), None)
        return f"{held or 'none'} ({strategy.name if strategy else 'no strategy'})"
    return kind_of(record).practice(record).get(key, "")
