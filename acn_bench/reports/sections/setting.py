"""What was run: data, protocol, networks, strategies and seeds."""

from collections.abc import Iterable, Sequence

import msgspec

from acn_bench import catalog, wording
from acn_bench.analysis import caveats
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import arm_title
from acn_bench.reports.model import Section, Terms
from acn_bench.reports.sections.section import ReportSection
from acn_bench.spec import Backbone, Strategy, options
from acn_bench.wording import each


def build(comparison: Comparison) -> Section:
    """Each setting in words."""
    card = comparison.card
    entries = [*description(comparison), *([("Citation", card.citation)] if card else [])]
    return Section("setting", "What was run", (Terms(tuple(entries)),), "Setting")


def description(comparison: Comparison) -> list[tuple[str, str]]:
    """What was run, as (word, sentence); where groups differ, each value once."""
    records, kind = comparison.records, comparison.kind
    return [
        ("Data", each(map(caveats.data_titles, records))),
        *kind.setting(records),
        ("Networks", _networks(comparison)),
        *_strategies(comparison),
        ("Seeds", comparison.seeds),
        *_letters(comparison),
        ("Chance level", each(kind.chance_level(r) for r in records)),
    ]


def _letters(comparison: Comparison) -> list[tuple[str, str]]:
    """The settings that the letters in the groups' labels stand for."""
    settings = {g.label.rsplit(" ", 1)[-1]: g.setting for g in comparison.groups if g.setting}
    return [(f"Setting {letter}", words) for letter, words in sorted(settings.items())]


def _networks(comparison: Comparison) -> str:
    networks: dict[tuple[str, str], set[int]] = {}
    for record in comparison.records:
        backbone = record.config.backbone
        if isinstance(backbone, Backbone):
            name = f"{backbone.title or backbone.family}, {backbone.variant} variant"
            networks.setdefault((name, _size(backbone)), set()).add(backbone.depth)
        else:
            networks.setdefault((backbone.name, ""), set())
    sizes = list(dict.fromkeys(size for _, size in networks))
    words = []
    for (name, size), depths in networks.items():
        blocks = f", {_depths(depths)} blocks" if depths else ""
        words.append(f"{name}{blocks}{f' ({size})' if len(sizes) > 1 and size else ''}")
    arms = wording.listed([arm_title(a) for a in comparison.arms])
    once = f"; {sizes[0]}" if len(sizes) == 1 and sizes[0] else ""
    return f"{'; '.join(words)}{once}; wirings: {arms}"


def _size(backbone: Backbone) -> str:
    """The settings of a network's size, other than its depth: "width 128, token width 64"."""
    values = msgspec.to_builtins(backbone)
    names = [n for n in values if n not in ("family", "wiring", "variant", "depth")]
    return ", ".join(f"{wording.key(n)} {wording.setting(values[n])}" for n in names)


def _strategies(comparison: Comparison) -> list[tuple[str, str]]:
    """Each strategy with its hyper-parameters, and the source that its card gives for them."""
    used: dict[str, list[Strategy]] = {}
    for group in comparison.groups:
        spec = group.config.strategy
        if spec is not None and spec not in used.setdefault(spec.name, []):
            used[spec.name].append(spec)
    named = [name + _options(specs) for name, specs in used.items()]
    sources = [f"{name}: {source}" for name in used if (source := _source(name, used[name]))]
    return [
        *([("Strategies", "; ".join(named))] if named else []),
        *([("Hyper-parameters", "; ".join(sources))] if sources else []),
    ]


def _options(specs: Sequence[Strategy]) -> str:
    """A strategy's hyper-parameters in brackets, each with all of its values; empty where it has none."""
    used: dict[str, dict[str, None]] = {}
    for spec in specs:
        for name, value in options(spec).items():
            used.setdefault(name, {})[wording.setting(value)] = None
    values = [f"{wording.key(name)} {' or '.join(words)}" for name, words in used.items()]
    return f" ({', '.join(values)})" if values else ""


def _source(name: str, specs: Sequence[Strategy]) -> str:
    """The source that the card of that name gives for its hyper-parameters; empty where these differ from it."""
    try:
        card = catalog.strategy(name)
    except (LookupError, ValueError):
        return ""
    return card.source if options(specs[0]) and specs == [card.options] else ""


def _depths(depths: Iterable[int]) -> str:
    return wording.listed([str(d) for d in sorted(depths)])


SETTING = ReportSection("setting", 5, build)
