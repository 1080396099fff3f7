"""`--set key=value[,value…]` -> the planned runs that it changes; and a planned run -> its RunConfig.

Keys are `benchmark.*`, `backbone.*`, `strategy.<name>.*`, `seed.*` and `precision`; the last word
alone is enough where it is unique. A key changes the runs that have it; several values sweep.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import isfinite
from typing import Any, get_args

import msgspec

from acn_bench import parsing
from acn_bench.config import RunConfig, Seeds
from acn_bench.errors import message, plain, shorten
from acn_bench.registry import closest
from acn_bench.spec import Benchmark, Network, Precision, Strategy

Shape = tuple[int, int, int]  # of an image, (C, H, W)


@dataclass(frozen=True)
class Setting:
    """One `--set`: a key and its values."""

    key: str
    values: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Setting":
        """`key=value[,value…]`; a value in JSON brackets is one value. Raises ValueError."""
        key, equals, value = text.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise ValueError(f"--set {shorten(text)} is not of the form key=value[,value…]")
        parts = [value] if value.lstrip()[0] in "[{" else value.split(",")
        values = tuple(part.strip() for part in parts)
        if "" in values:
            raise ValueError(
                f"--set {shorten(text)} has an empty value among those between the commas"
            )
        return cls(key.strip(), values)


@dataclass(frozen=True)
class PlannedRun:
    """A run before data and device are known: it has no fingerprint, and so no `run_id`."""

    benchmark: Benchmark
    strategy: Strategy | None
    backbone: Network
    seeds: Seeds
    precision: str = "auto"  # or `fp32`, `bf16`
    quick: bool = False
    preset: str = ""

    @property
    def keys(self) -> Mapping[str, str]:
        """Full key -> the attribute of the run that holds the field."""
        strategy = self.strategy
        learner = None if strategy is None else (type(strategy), strategy.name)
        return _keys(type(self.benchmark), type(self.backbone), learner)

    def having(self, key: str, text: str, known: "Known") -> "PlannedRun":
        """This run with one field set; unchanged where it has no such field."""
        match self.keys.get(key):
            case None:
                return self
            case "precision":
                return replace(self, precision=_precision(text))
            case attribute:
                spec = getattr(self, attribute)
                # the same object for the same values: a plan may have 200,000 runs
                place = id(spec), key, text
                if place not in known:
                    known[place] = spec, _set(spec, key, text)
                values: dict[str, Any] = {attribute: known[place][1]}
                return replace(self, **values)

    def resolve(
        self,
        fingerprint: str,
        precision: Mapping[str, Precision],
        sources: Mapping[str, str],
        shape: Shape | None,
    ) -> RunConfig:
        """The config of this run; the arguments are those of `UnresolvedPlan.resolve`."""
        backbone, strategy = self.backbone, self.strategy
        taken = self.benchmark.image_shape(shape)
        if backbone.function:
            backbone = msgspec.structs.replace(backbone, source=sources[backbone.function])
        if strategy and strategy.function:
            strategy = msgspec.structs.replace(strategy, source=sources[strategy.function])
        benchmark, backbone = self.benchmark.resolved(backbone, self.seeds.init)
        return RunConfig(
            benchmark=benchmark,
            strategy=strategy,
            backbone=backbone.for_images(taken) if taken else backbone,
            seeds=self.seeds,
            fingerprint=fingerprint,
            precision=precision[self.precision],
            quick=self.quick,
            preset=self.preset,
        )


Known = dict[tuple[int, str, str], tuple[Any, Any]]  # (id, key, value) -> (spec, spec with it)


@lru_cache
def _keys(
    benchmark: type[Benchmark], backbone: type, strategy: tuple[type, str] | None
) -> Mapping[str, str]:
    """The keys of runs with specs of these types; the strategy has a name, too."""
    parts = {
        "benchmark": ("benchmark", benchmark),
        "backbone": ("backbone", backbone),
        "seed": ("seeds", Seeds),
    }
    if issubclass(backbone, Network) and backbone.trained:
        del parts["backbone"]
    if strategy is not None:
        learner, name = strategy
        parts[f"strategy.{name}"] = ("strategy", learner)
    fixed = {"name", "wiring", "variant", "factory", "builder", "source", *benchmark.derived}
    keys = {
        f"{prefix}.{field.name}": attribute
        for prefix, (attribute, spec) in parts.items()
        for field in msgspec.structs.fields(spec)
        if field.name not in fixed
    }
    for field in ("data", "target"):  # --data sets these, and more fields with them
        keys.pop(f"benchmark.{field}", None)
    return keys | {"precision": "precision"}


def sweep(
    runs: Iterable[PlannedRun], settings: Sequence[Setting], keys: Sequence[str]
) -> Iterator[PlannedRun]:
    """Each run with every combination of the settings' values; `keys` are their full keys."""
    known: Known = {}
    for run in runs:
        for values in itertools.product(*(s.values for s in settings)):
            changed = run
            for key, value in zip(keys, values, strict=True):
                changed = changed.having(key, value, known)
            yield changed


def full_key(setting: Setting, runs: Sequence[PlannedRun]) -> str:
    """The full key of a setting in these runs. Raises LookupError where there is none, or more than one."""
    kinds = {id(keys): keys for keys in (run.keys for run in runs)}  # few: `_keys` keeps them
    known = list(dict.fromkeys(key for keys in kinds.values() for key in keys))
    if setting.key in known:
        return setting.key
    matches = [key for key in known if key.endswith("." + setting.key)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise LookupError(f"--set {setting.key} is ambiguous: write {' or '.join(matches)} in full")
    last_words = [key.rpartition(".")[2] for key in known]
    raise LookupError(
        f"--set {plain(setting.key)}: no run of this plan has such a key. "
        f"{closest(setting.key, known if '.' in setting.key else last_words)}"
    )


def _set(spec: Any, key: str, text: str) -> Any:
    """`spec` with one field set from text, typed and checked by the struct."""
    name = key.rpartition(".")[2]
    (field,) = (f for f in msgspec.structs.fields(spec) if f.name == name)
    try:
        raw = parsing.json_value(text) if text[0] in "[{" else text
        value = msgspec.convert(None if text == "null" else raw, field.type, strict=False)
        changed = msgspec.structs.replace(spec, **{name: value})
        stored = getattr(changed, name)  # a struct may have another form for "inf"
        if isinstance(stored, float) and not isfinite(stored):
            raise ValueError("expected a finite number")
        return changed
    except (ValueError, msgspec.MsgspecError) as e:  # a struct may refuse a value itself
        words = [w for w in get_args(field.type) if isinstance(w, str)]
        hint = f". {closest(text, words)}" if words else ""
        hint += ". Which data set: --data" if key == "seed.data" else ""
        raise ValueError(f"--set {key}={plain(text)}: {_expected(message(e))}{hint}") from e


def _expected(reason: str) -> str:
    """A validation error of msgspec; a wrong type in plain words."""
    types = {"int": "a whole number", "float": "a number", "bool": "true or false"}
    wrong = re.fullmatch(r"Expected `(int|float|bool)(?: \| null)?`, got `str`", reason)
    return f"it must be {types[wrong[1]]}" if wrong else reason


def _precision(text: str) -> str:
    known = ("auto", "fp32", "bf16")
    if text not in known:
        raise ValueError(f"--set precision={plain(text)}: {closest(text, known)}")
    return text
