"""A benchmark and choices -> the list of RunConfigs, and what is refused.

`--set` keys are `benchmark.*`, `backbone.*`, `strategy.<name>.*`, `seed.*` and `precision`; the last
word alone will do where it can mean one thing only. A key touches the runs that have it; several
values sweep.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, get_args

import msgspec

from acn_bench import catalog
from acn_bench.catalog import BenchmarkCard, closest
from acn_bench.naming import backbone_spec
from acn_bench.spec import (
    BackboneSpec,
    BenchmarkSpec,
    BertSpec,
    FactorySpec,
    Precision,
    RunConfig,
    Seeds,
    StrategySpec,
)

NEVER_MIRRORED = ("digits10", "digits100")  # a mirrored digit is none


@dataclass(frozen=True)
class Choices:
    """What the command line said; an empty choice leaves it to the card."""

    backbones: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    data: str | None = None
    settings: tuple[str, ...] = ()  # key=value[,value…]
    quick: bool = False


@dataclass(frozen=True)
class Draft:
    """A plan as far as it can be made without data and device: everything but two fields a run."""

    configs: tuple[RunConfig, ...]  # fingerprint and precision are still to come
    precisions: tuple[str, ...]  # `auto`, `fp32` or `bf16`, one for each config

    @property
    def data(self) -> str:
        """The name of the data that every run uses."""
        return self.configs[0].benchmark.data

    @property
    def factories(self) -> list[str]:
        """Every `pkg.module:factory` of the plan."""
        specs = [c.backbone for c in self.configs]
        return _unique(s.factory for s in specs if isinstance(s, FactorySpec))

    def resolve(
        self, fingerprint: str, precision: dict[str, Precision], sources: dict[str, str]
    ) -> list[RunConfig]:
        """The plan: `precision` says what `auto`, `fp32` and `bf16` mean on the device.

        `sources` gives the hash of the file that defines each factory.
        """
        resolved = []
        for config, wanted in zip(self.configs, self.precisions, strict=True):
            backbone = config.backbone
            if isinstance(backbone, FactorySpec):
                backbone = msgspec.structs.replace(backbone, source=sources[backbone.factory])
            resolved.append(
                msgspec.structs.replace(
                    config,
                    backbone=backbone,
                    fingerprint=fingerprint,
                    precision=precision[wanted],
                )
            )
        return _unique(resolved)  # `auto` may be what is asked for by name, too


def draft(card: BenchmarkCard, choices: Choices) -> Draft:
    """Every run: seeds × strategies × settings × backbones, so that the arms of a pair come together.

    Raises LookupError for an unknown name or key, ValueError for a value that cannot be.
    """
    card = _quick(card) if choices.quick else card
    data = choices.data or card.protocol.data
    mirrored = card.protocol.flip and data not in NEVER_MIRRORED
    protocol = msgspec.structs.replace(card.protocol, data=data, flip=mirrored)
    strategies = [
        catalog.strategy(n).options
        for n in _strategies(choices.strategies or card.defaults.strategies)
    ]
    names = choices.backbones or card.defaults.backbones
    backbones = [
        _sees_images(backbone_spec(n, {"depth": card.defaults.depth})) for n in _unique(names)
    ]
    settings = [Setting.parse(text) for text in choices.settings]
    bases = [
        _Base(protocol, strategy, backbone, Seeds(order=s, init=s, data=s, noise=s), "auto")
        for s in _unique(choices.seeds or card.defaults.seeds)
        for strategy in strategies
        for backbone in backbones
    ]
    keys = [_key(setting, bases) for setting in settings]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice:
        raise ValueError(f"--set {twice} is given twice; to sweep, write {twice}=a,b")
    swept = [run for base in bases for run in _sweep(base, settings, keys)]
    runs = _pairs_together(swept)
    return Draft(tuple(r.config(choices.quick) for r in runs), tuple(r.precision for r in runs))


def numbers(text: str) -> tuple[int, ...]:
    """`0,1,2` or `0-4` or a mix of both -> whole numbers. Raises ValueError."""
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        digits = first.isdecimal() and (last.isdecimal() or not dash)
        if not digits or int(last or first) < int(first):
            raise ValueError(f"{text!r} is not a list of seeds; write 0,1,2 or 0-4")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


# ---------------------------------------------------------------- settings


@dataclass(frozen=True)
class Setting:
    """One `--set`: a key and the values it takes in turn."""

    key: str
    values: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Setting":
        """`key=value[,value…]`; a value in JSON brackets is one value. Raises ValueError."""
        key, equals, value = text.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise ValueError(f"--set {text!r} is not of the form key=value[,value…]")
        parts = [value] if value.lstrip()[0] in "[{" else value.split(",")
        values = tuple(part.strip() for part in parts)
        if "" in values:
            raise ValueError(f"--set {text!r} has an empty value among those between the commas")
        return cls(key.strip(), values)


@dataclass(frozen=True)
class _Base:
    """A run before data and device are known."""

    benchmark: BenchmarkSpec
    strategy: StrategySpec
    backbone: BackboneSpec
    seed: Seeds
    precision: str

    def keys(self) -> dict[str, str]:
        """Full key -> the part of the run that it is a field of."""
        parts = {"benchmark": "benchmark", "backbone": "backbone", "seed": "seed"}
        parts[f"strategy.{self.strategy.name}"] = "strategy"
        fixed = {"name", "wiring", "variant", "factory", "source"}
        found = {
            f"{prefix}.{field.name}": part
            for prefix, part in parts.items()
            for field in msgspec.structs.fields(getattr(self, part))
            if field.name not in fixed
        }
        del found["benchmark.data"]  # --data has a say in more than this field
        return found | {"precision": "precision"}

    def having(self, key: str, text: str) -> "_Base":
        """This run with one field set; as it is where it has no such field."""
        part = self.keys().get(key)
        if part is None:
            return self
        value: Any = _choice(text) if part == "precision" else _set(getattr(self, part), key, text)
        return _Base(**(vars(self) | {part: value}))

    def config(self, quick: bool) -> RunConfig:
        return RunConfig(
            benchmark=self.benchmark,
            strategy=self.strategy,
            backbone=self.backbone,
            seeds=self.seed,
            fingerprint="",
            quick=quick,
        )


def _sweep(base: _Base, settings: Sequence[Setting], keys: Sequence[str]) -> Iterator[_Base]:
    """The base with every combination of the settings' values."""
    for values in itertools.product(*(s.values for s in settings)):
        run = base
        for key, value in zip(keys, values, strict=True):
            run = run.having(key, value)
        yield run


def _key(setting: Setting, bases: Sequence[_Base]) -> str:
    """The full key that a setting means in these runs."""
    known = list(dict.fromkeys(key for base in bases for key in base.keys()))  # noqa: SIM118
    if setting.key in known:
        return setting.key
    meant = [key for key in known if key.endswith("." + setting.key)]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise LookupError(f"--set {setting.key} can mean {' or '.join(meant)}: say which")
    last_words = [key.rpartition(".")[2] for key in known]
    raise LookupError(
        f"--set {setting.key}: no run of this plan has such a key. "
        f"{closest(setting.key, known if '.' in setting.key else last_words)}"
    )


def _set(spec: Any, key: str, text: str) -> Any:
    """`spec` with one field set from text, typed and checked by the struct."""
    name = key.rpartition(".")[2]
    (field,) = (f for f in msgspec.structs.fields(spec) if f.name == name)
    try:
        raw = msgspec.json.decode(text) if text[0] in "[{" else text
        value = msgspec.convert(None if text == "null" else raw, field.type, strict=False)
        if isinstance(value, float) and not isfinite(value):
            raise ValueError("expected a finite number")
        return msgspec.structs.replace(spec, **{name: value})
    except (ValueError, msgspec.MsgspecError) as e:  # the struct itself may refuse a value, too
        words = [w for w in get_args(field.type) if isinstance(w, str)]
        hint = f". {closest(text, words)}" if words else ""
        raise ValueError(f"--set {key}={text}: {e}{hint}") from e


def _choice(text: str) -> str:
    known = ("auto", "fp32", "bf16")
    if text not in known:
        raise ValueError(f"--set precision={text}: {closest(text, known)}")
    return text


# ---------------------------------------------------------------- names


def _quick(card: BenchmarkCard) -> BenchmarkCard:
    """The card with its [quick] values in place of its own."""
    protocol, defaults = msgspec.to_builtins(card.protocol), msgspec.to_builtins(card.defaults)
    for key, value in card.quick.items():
        place = protocol if key in protocol else defaults
        if key not in place:
            raise ValueError(f"card {card.name}: [quick] has {key!r}. {closest(key, protocol)}")
        place[key] = value
    return msgspec.structs.replace(
        card,
        protocol=msgspec.convert(protocol, type(card.protocol)),
        defaults=msgspec.convert(defaults, type(card.defaults)),
    )


def _sees_images(backbone: BackboneSpec) -> BackboneSpec:
    if isinstance(backbone, BertSpec):
        raise LookupError(f"{backbone.name} reads text, and this benchmark has images")
    return backbone


def _strategies(names: Sequence[str]) -> list[str]:
    return catalog.names("strategies") if list(names) == ["all"] else _unique(names)


def _unique(values: Iterable[Any]) -> list[Any]:
    """In order, each once; by equality, since a spec may hold a dict."""
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def _pairs_together(runs: Sequence[_Base]) -> list[_Base]:
    """Seed after seed, so that whole comparisons are there early; the arms of a pair side by side."""
    parts = ("seed", "strategy", "benchmark", "precision")
    orders = [_unique(getattr(run, part) for run in runs) for part in parts]

    def place(run: _Base) -> tuple[int, ...]:
        found = [o.index(getattr(run, p)) for o, p in zip(orders, parts, strict=True)]
        return (*found, getattr(run.backbone, "depth", 0))

    return _unique(sorted(runs, key=place))
