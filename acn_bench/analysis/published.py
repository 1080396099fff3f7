"""Comparison -> published and measured figures, with every known deviation of the protocol.

Where the data set or the stream of experiences differs, published figures are named but not
compared: no list of deviations would make them comparable.
"""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from acn_bench import wording
from acn_bench.analysis import caveats
from acn_bench.analysis.comparison import Comparison, seeds_varied
from acn_bench.analysis.groups import Cell, Difference, Group, arm_order, arm_title, kind_of
from acn_bench.catalog import BenchmarkCard, Published
from acn_bench.record import Record
from acn_bench.spec import Strategy, options
from acn_bench.wording import plural


@dataclass(frozen=True)
class Row:
    """One published figure and the measured one, both in the metric's own scale."""

    published: Published
    measured: Cell


@dataclass(frozen=True)
class Gap:
    """AC - another arm of one metric, published and measured."""

    metric: str
    against: str
    published: float | None  # None where the publication has no numbers
    measured: Difference | None


@dataclass(frozen=True)
class PublishedComparison:
    """What was published for one group's setting."""

    group: Group
    rows: tuple[Row, ...]  # by metric, AC first; empty where the stream is another one
    deviations: tuple[str, ...]  # known
    open: tuple[
        str, ...
    ]  # settings that the publication leaves open, with the values of these runs
    same_stream: bool
    notes: dict[
        str, str
    ]  # key -> where the publication contradicts itself, or its code; in their order

    @property
    def metrics(self) -> list[str]:
        """Those with a published figure."""
        return list(dict.fromkeys(row.published.metric for row in self.rows))

    def gaps(self, metric: str) -> list[Gap]:
        """AC - each other arm, published and measured."""
        means = {
            r.published.wiring: r.published.mean for r in self.rows if r.published.metric == metric
        }
        return [
            Gap(metric, arm, _less(means["ac"], mean), self.group.difference(metric, arm))
            for arm, mean in means.items()
            if "ac" in means and arm in self.group.baselines
        ]


def _less(ac: float | None, other: float | None) -> float | None:
    return None if ac is None or other is None else ac - other


def published_comparisons(comparison: Comparison) -> list[PublishedComparison]:
    """One entry for each group that something was published for."""
    card = comparison.card
    if card is None:
        return []
    entries = [_compared(card, group) for group in comparison.groups]
    return [entry for entry in entries if entry is not None]


def _compared(card: BenchmarkCard, group: Group) -> PublishedComparison | None:
    rows = [
        Row(figure, group.cell(figure.wiring, figure.metric))
        for figure in card.published
        if (figure.strategy, figure.family, figure.depth)
        == (group.strategy, group.family, group.depth)
        and figure.wiring in group.arms
        and figure.metric in group.kind.metrics
        and _is_of(figure, group)
    ]
    order = list(group.kind.metrics)
    rows.sort(key=lambda row: (order.index(row.published.metric), arm_order(row.published.wiring)))
    if not rows:
        return None
    record = group.records[0]
    figures = [row.published for row in rows]
    decisive = group.kind.other_experiment
    stream = list(_different(card, record, decisive))
    others = [key for key in card.published_protocol if key not in decisive]
    known = [
        *stream,
        *_different(card, record, others),
        *dict.fromkeys(_of_figures(figures, record)),
        *_differing(card.published_backbone, record.config.backbone),
        *_differing(card.published_strategy.get(group.strategy, {}), record.config.strategy),
        *_other_deviations(card, group),
    ]
    stated = {key for f in figures for key in (*f.where, *f.protocol)}
    left_open = tuple(_open(card, record, stated))
    shown = () if stream else tuple(rows)
    used = dict.fromkeys(row.published.note for row in shown if row.published.note)
    notes = {key: card.published_note[key] for key in used}
    return PublishedComparison(group, shown, tuple(known), left_open, not stream, notes)


def _is_of(figure: Published, group: Group) -> bool:
    """Whether a group has the settings that a figure is of."""
    values = msgspec.to_builtins(group.config.benchmark)
    return all(
        key in values and wording.setting(values[key]) == wording.setting(wanted)
        for key, wanted in figure.where.items()
    )


def _of_figures(figures: Sequence[Published], record: Record) -> Iterator[str]:
    """The settings of single figures that differ: one publication may train its arms unequally long."""
    values = msgspec.to_builtins(record.config.benchmark)
    for figure in figures:
        for key, published in figure.protocol.items():
            if key in values and values[key] != published:
                sentence = wording.instead(key, values[key], published)
                yield f"{sentence} ({arm_title(figure.wiring)}, {figure.source})"


def _different(card: BenchmarkCard, record: Record, keys: Any) -> Iterator[str]:
    """The settings among `keys` that differ from the published ones."""
    values = msgspec.to_builtins(record.config.benchmark)
    for key in keys:
        if key not in card.published_protocol:
            continue
        published = card.published_protocol[key]
        if key == "data":
            name = str(published).split()[0]
            if record.provenance.data.name != name:
                title = caveats.set_title(name)
                yield f"data: {caveats.data_title(record.provenance.data)} instead of {title}"
        elif key not in values:
            yield f"{wording.key(key)}: {published} as published; a run has no such setting"
        elif values[key] != published:
            yield wording.instead(key, values[key], published)


def _differing(published: dict[str, Any], spec: msgspec.Struct | None) -> Iterator[str]:
    """The settings of a network or a strategy that differ from the published ones."""
    values = {} if spec is None else msgspec.to_builtins(spec)
    name = f"{spec.name} " if isinstance(spec, Strategy) else ""
    for key, value in published.items():
        if key in values and values[key] != value:
            yield name + wording.instead(key, values[key], value)


def _other_deviations(card: BenchmarkCard, group: Group) -> Iterator[str]:
    """Deviations that are no setting of the protocol."""
    record = group.records[0]
    data = record.provenance.data
    name = str(card.published_protocol.get("data", "")).split()[:1]
    if name == [data.name] and not data.canonical:
        yield f"data: {caveats.data_title(data)} instead of {caveats.set_title(data.name)} in full"
    held_out = record.config.benchmark.held_out
    if held_out and "validation" not in card.published_protocol:
        yield (
            f"held-out rows: {100 * held_out:g} % of the training rows select the utilised depth and train "
            "nothing; the publication names none"
        )
    if group.variant == "plain":
        yield "variant: plain (equation 1 and the textbook block), not the block of the authors' released code"
    if group.config.quick:
        yield "quick: the card's reduced values"
    count = len({seeds for arm in group.arms.values() for seeds in arm.seeds})
    yield f"runs: {plural(count, 'seed')} ({seeds_varied(group.records)}); the publication does not say how many"


def _open(card: BenchmarkCard, record: Record, stated_by_figures: Container[str]) -> Iterator[str]:
    """The values of the settings that neither the publication nor its figures name."""
    values, unlisted = msgspec.to_builtins(record.config.benchmark), kind_of(record).unlisted
    tag = record.config.benchmark.__struct_config__.tag_field
    for key, value in values.items():
        named = key in card.published_protocol or key in stated_by_figures
        if not named and key not in unlisted and key != tag:
            yield f"{wording.key(key)} {wording.setting(value)}"
    strategy = record.config.strategy
    if strategy is not None:
        stated = card.published_strategy.get(strategy.name, {})
        for key, value in options(strategy).items():
            if key not in stated:
                yield f"{strategy.name} {wording.key(key)} {wording.setting(value)}"
    yield f"precision {record.config.precision}"
