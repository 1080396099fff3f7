"""A name -> its card -> a spec. The only code that knows where cards lie.

A card is a small TOML file that says *what* is measured or with what; the package says *how*.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from acn_bench.spec import BenchmarkSpec, Name, StrategySpec, Struct

CardKind = Literal["benchmarks", "strategies"]
CardT = TypeVar("CardT", bound=msgspec.Struct)


class Claim(Struct, frozen=True, kw_only=True):
    """A sentence that a benchmark can find to hold, to be reversed, or to be undecided."""

    name: str
    statement: str  # of AC against residual
    metric: str  # one of reports.measures
    direction: Literal["lower", "higher"]  # what AC must be for the claim to hold
    source: str  # where the claim was made
    against: str = "residual"  # the arm that AC is compared with: a wiring, or `<wiring>+<scheme>`
    strategies: tuple[str, ...] = ()  # only these; empty: all


class Published(Struct, frozen=True, kw_only=True):
    """A published figure, to stand beside ours where the protocol is the same."""

    source: str
    strategy: str = ""  # none where nothing can be forgotten
    wiring: str  # an arm: a wiring, or `<wiring>+<scheme>`
    family: str
    depth: int
    metric: str
    mean: float  # in the metric's unit: shares in [0, 1]
    spread: float | None = None  # standard deviation


class Defaults(Struct, frozen=True, kw_only=True):
    """What is run where the command line does not say."""

    backbones: tuple[str, ...]
    strategies: tuple[str, ...] = ()  # none where nothing can be forgotten
    seeds: tuple[int, ...]
    depth: int = 5
    sizes: dict[str, dict[str, Any]] = {}  # family -> sizes of its backbones, beside their depth


class Preset(Struct, frozen=True, kw_only=True):
    """A protocol that people quote: what `--set preset=` takes of it, and what it leaves."""

    source: str  # where the protocol is stated
    values: dict[str, Any]  # of protocol or defaults, taken
    published: dict[
        str, Any
    ] = {}  # the rest as published; the report lists what a run does otherwise


class BenchmarkCard(Struct, frozen=True, kw_only=True):
    """One file of `benchmarks/`."""

    name: Name
    intent: str  # one line: the question it answers
    citation: str
    protocol: BenchmarkSpec
    defaults: Defaults
    quick: dict[str, Any] = {}  # values that stand in under --quick, of protocol or defaults
    published_protocol: dict[str, Any] = {}  # the settings that published figures were made with
    published_backbone: dict[str, Any] = {}  # likewise, of the network
    published_strategy: dict[str, dict[str, Any]] = {}  # likewise, of a strategy by its name
    preset: dict[str, Preset] = {}
    claim: tuple[Claim, ...] = ()
    published: tuple[Published, ...] = ()


class StrategyCard(Struct, frozen=True, kw_only=True):
    """One file of `strategies/`."""

    name: Name
    intent: str
    citation: str
    source: str  # of the hyper-parameters
    options: StrategySpec
    quick: dict[str, Any] = {}  # options that stand in under --quick


def benchmark(name: str) -> BenchmarkCard:
    """The benchmark card of that name, or at that path. Raises LookupError, ValueError."""
    return _read(benchmark_path(name), BenchmarkCard, named="protocol")


def benchmark_path(name: str) -> Path:
    """Where that card lies. Raises LookupError where there is none."""
    return _path("benchmarks", name)


def strategy(name: str) -> StrategyCard:
    """The strategy card of that name, or at that path. Raises LookupError, ValueError."""
    return _read(_path("strategies", name), StrategyCard, named="options")


def names(kind: CardKind) -> list[str]:
    """The names of all cards of a kind, sorted."""
    return sorted(p.stem for p in _folder(kind).glob("*.toml"))


def closest(word: str, known: Iterable[str]) -> str:
    """The end of an error message: the nearest right word, or all of them."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}."


def suggest_key(error: msgspec.ValidationError, known: Iterable[str]) -> str:
    """A validation error's sentence; for an unknown key, with the nearest right one."""
    text = str(error)
    unknown = re.match(r"Object contains unknown field `(?P<key>.*?)`(?P<place> - at `.*`)?", text)
    if unknown is None:
        return text
    place = (unknown["place"] or "").replace(" - at `$.", " in `")
    return f"unknown key {unknown['key']!r}{place}. {closest(unknown['key'], known)}"


def _path(kind: CardKind, name: str) -> Path:
    singular = {"benchmarks": "benchmark", "strategies": "strategy"}[kind]
    if name.endswith(".toml"):
        if not Path(name).is_file():
            raise LookupError(f"there is no {singular} card at {name}")
        return Path(name)
    if name not in names(kind):
        raise LookupError(f"unknown {singular} {name!r}. {closest(name, names(kind))}")
    return _folder(kind) / f"{name}.toml"


def _folder(kind: CardKind) -> Path:
    package = Path(__file__).parent
    inside = package / "cards" / kind  # in the wheel
    return inside if inside.is_dir() else package.parent / kind


def _read(path: Path, card: type[CardT], named: str) -> CardT:
    """Read a card; its `named` table is given the card's own name."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        if "name" in raw and isinstance(raw.get(named), dict):
            raw[named]["name"] = raw["name"]
        return msgspec.convert(raw, card)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise ValueError(f"{path} is not a TOML file: {e}") from e
    except msgspec.ValidationError as e:
        raise ValueError(f"{path}: {suggest_key(e, _keys(card))}") from e


def _keys(card: type[msgspec.Struct]) -> list[str]:
    keys = [f.name for f in msgspec.structs.fields(card)]
    for field in msgspec.structs.fields(card):
        parts = getattr(field.type, "__args__", (field.type,))
        for part in parts:
            if isinstance(part, type) and issubclass(part, msgspec.Struct):
                keys += [f.name for f in msgspec.structs.fields(part)]
    return keys
