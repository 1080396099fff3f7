"""`--set key=value[,value…]` -> the runs that it changes.

Keys are `benchmark.*`, `backbone.*`, `strategy.<name>.*`, `seed.*` and `precision`; the last word
alone will do where it can mean one thing only. A key touches the runs that have it; several values
sweep.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, get_args

import msgspec

from acn_bench.config import Seeds
from acn_bench.registry import closest
from acn_bench.spec import Benchmark, Network, Strategy


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
class PlannedRun:
    """A run before data and device are known."""

    benchmark: Benchmark
    strategy: Strategy | None
    backbone: Network
    seed: Seeds
    precision: str

    def keys(self) -> dict[str, str]:
        """Full key -> the part of the run that it is a field of."""
        parts = {"benchmark": "benchmark", "backbone": "backbone", "seed": "seed"}
        if self.strategy is not None:
            parts[f"strategy.{self.strategy.name}"] = "strategy"
        fixed = {"name", "wiring", "variant", "factory", "builder", "source"}
        found = {
            f"{prefix}.{field.name}": part
            for prefix, part in parts.items()
            for field in msgspec.structs.fields(getattr(self, part))
            if field.name not in fixed
        }
        for name in ("data", "target"):  # --data has a say in more than these fields
            found.pop(f"benchmark.{name}", None)
        return found | {"precision": "precision"}

    def having(self, key: str, text: str) -> "PlannedRun":
        """This run with one field set; as it is where it has no such field."""
        part = self.keys().get(key)
        if part is None:
            return self
        value: Any = _choice(text) if part == "precision" else _set(getattr(self, part), key, text)
        return PlannedRun(**(vars(self) | {part: value}))


def sweep(
    base: PlannedRun, settings: Sequence[Setting], keys: Sequence[str]
) -> Iterator[PlannedRun]:
    """The base with every combination of the settings' values."""
    for values in itertools.product(*(s.values for s in settings)):
        run = base
        for key, value in zip(keys, values, strict=True):
            run = run.having(key, value)
        yield run


def full_key(setting: Setting, bases: Sequence[PlannedRun]) -> str:
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
        hint += ". Which data set: --data" if key == "seed.data" else ""
        raise ValueError(f"--set {key}={text}: {_expected(str(e))}{hint}") from e


def _expected(said: str) -> str:
    """A validation error; where the text is of another type altogether, in a person's words."""
    words = {"int": "a whole number", "float": "a number", "bool": "true or false"}
    wrong = re.fullmatch(r"Expected `(int|float|bool)(?: \| null)?`, got `str`", said)
    return f"it must be {words[wrong[1]]}" if wrong else said


def _choice(text: str) -> str:
    known = ("auto", "fp32", "bf16")
    if text not in known:
        raise ValueError(f"--set precision={text}: {closest(text, known)}")
    return text
