"""Runs of several groups -> the labels that distinguish the groups."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from acn_bench.config import RunConfig
from acn_bench.record import Record
from acn_bench.run_modules import modules


def settings(record: Record) -> dict[str, Any]:
    """The settings that are equal within a group, flattened: `benchmark.epochs` -> 10."""
    return _flat_settings(record.config) | {"code": record.provenance.code[:8]}


def mixed_codes(records: Iterable[Record]) -> dict[frozenset[str], set[str]]:
    """Modules that runs execute -> the several codes of these runs: an edit lies between them.

    Runs of other modules have other code for that alone.
    """
    codes: dict[frozenset[str], set[str]] = {}
    for record in records:
        executed = frozenset(modules(record.config))
        codes.setdefault(executed, set()).add(record.provenance.code[:8])
    return {executed: found for executed, found in codes.items() if len(found) > 1}


def _flat_settings(config: RunConfig) -> dict[str, Any]:
    raw = msgspec.to_builtins(config)
    backbone, strategy = raw.pop("backbone"), raw.pop("strategy")
    del raw["seeds"], backbone["family"]
    for name in config.backbone.of_arm:
        backbone.pop(name, None)
    for name in (*config.benchmark.arm, *config.benchmark.derived):
        del raw["benchmark"][name]
    tag = config.backbone.family or "factory"
    # a depth among Mixers, a strength among runs of SI: other families and strategies do not count
    raw["backbone"] = {tag: backbone}
    if strategy is not None:
        raw["strategy"] = {strategy.pop("name"): strategy}
    return dict(_flat(raw))


def distinguishing(configs: Sequence[RunConfig]) -> list[str]:
    """For each run of a plan the settings that others of it have otherwise, variant and depth aside."""
    flats = [_flat_settings(config) for config in configs]
    varied = _varied(flats)
    return [_settings(flat, varied - _depths(flat)) for flat in flats]


def _settings(flat: dict[str, Any], names: set[str]) -> str:
    return ", ".join(_setting(name, value) for name, value in flat.items() if name in names)


def _flat(value: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from _flat(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", tuple(inner) if isinstance(inner, list) else inner


def named(examples: dict[bytes, Record]) -> dict[bytes, tuple[str, str]]:
    """For each group its label and, where more settings differ than a label can hold, all of them."""
    flats = {key: settings(record) for key, record in examples.items()}
    mixed = mixed_codes(examples.values())
    for key, record in examples.items():
        if frozenset(modules(record.config)) not in mixed:
            del flats[key]["code"]
    varied = _varied(flats.values())
    families = {record.config.backbone.family for record in examples.values()}
    others = {key: _settings(flat, varied - _depths(flat)) for key, flat in flats.items()}
    many = len({n for flat in flats.values() for n in varied - _depths(flat)}) > 2
    letters = {words: _letter(k) for k, words in enumerate(sorted(set(others.values())))}
    labels = {}
    for key, record in examples.items():
        words = [record.config.strategy.name] if record.config.strategy else []
        words.append(_backbone_words(record.config, len(families) > 1))
        words += [
            _setting(n, v) for n, v in flats[key].items() if n in varied & _depths(flats[key])
        ]
        if others[key]:
            words += [f"setting {letters[others[key]]}"] if many else others[key].split(", ")
        labels[key] = (" · ".join(words), others[key] if many else "")
    return labels


def _varied(flats: Iterable[dict[str, Any]]) -> set[str]:
    """The settings with several values that the first words of a label do not give."""
    values: dict[str, set[Any]] = {}
    for flat in flats:
        for name, value in flat.items():
            values.setdefault(name, set()).add(value)
    given = (".variant", ".factory", ".builder", ".source", ".kind")
    return {n for n, distinct in values.items() if len(distinct) > 1 and not n.endswith(given)}


def _depths(flat: dict[str, Any]) -> set[str]:
    return {name for name in flat if name.startswith("backbone.") and name.endswith(".depth")}


def _letter(k: int) -> str:
    """A to Z, then 27 and on."""
    return chr(ord("A") + k) if k < 26 else str(k + 1)


def _backbone_words(config: RunConfig, several_families: bool) -> str:
    backbone = config.backbone
    if backbone.family is None:
        return backbone.name
    words = [backbone.family if several_families else None, backbone.variant]
    return " ".join(word for word in words if word)


def _setting(name: str, value: Any) -> str:
    """One setting in words: "depth 10", "epochs 5", "quick"."""
    word = name.rsplit(".", 1)[-1].replace("_", " ")
    if isinstance(value, bool):
        return word if value else f"not {word}"
    if name == "fingerprint":
        return f"data {str(value)[:8]}"
    if name == "benchmark.data":
        return str(value)
    if name == "benchmark.budget":
        return equal(str(value))
    if isinstance(value, tuple):
        value = "/".join(v if isinstance(v, str) else f"{v:g}" for v in value)
    return f"{word} {'none' if value in (None, '') else value}"


def equal(budget: str) -> str:
    """What a budget makes equal: "equal epochs", "equal seconds (20 s)"."""
    seconds = f"seconds ({budget.removesuffix('s')} s)"
    return f"equal {budget if budget in ('epochs', 'images') else seconds}"
