"""A name -> its card -> a spec. The only module that knows the folders of cards.

A card is a small TOML file: it defines *what* is measured or with what; the package defines *how*.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, Literal, get_args, get_origin

import msgspec
from typing_extensions import TypeVar

from acn_bench import parsing
from acn_bench.config import B
from acn_bench.errors import message, shorten
from acn_bench.registry import KINDS, STRATEGIES, Registry, closest, suggest_key
from acn_bench.spec import Name, Strategy, Struct

CardKind = Literal["benchmarks", "strategies"]
M = TypeVar("M", bound=Strategy, default=Strategy)


class Claim(Struct, frozen=True, kw_only=True):
    """A sentence that records can support; its verdict is *holds*, *reversed* or *undecided*."""

    name: str
    statement: str  # of AC against residual
    metric: str  # a metric of the card's kind
    direction: Literal["lower", "higher"]  # of AC's value, for the claim to hold
    source: str  # the publication that makes it
    against: str = "residual"  # the arm that AC is compared with: a wiring, or `<wiring>+<scheme>`
    strategies: tuple[str, ...] = ()  # that it is about; empty: all


class Published(Struct, frozen=True, kw_only=True):
    """A published figure, shown next to the measured one where the protocol is the same."""

    source: str
    strategy: str = ""  # empty for benchmarks without strategies
    wiring: str  # an arm: a wiring, or `<wiring>+<scheme>`
    family: str
    depth: int
    metric: str
    mean: float | None = None  # in the metric's unit: shares in [0, 1]
    spread: float | None = None  # standard deviation
    words: str = ""  # what a figure without numbers shows, in place of `mean`
    note: str = ""  # a key of the card's published_note
    # settings of the protocol that a run must have for this figure to be shown; "none" is null
    where: dict[str, Any] = {}
    # settings of this figure alone, beside the card's published_protocol; the report lists where a run differs
    protocol: dict[str, Any] = {}


class Defaults(Struct, frozen=True, kw_only=True):
    """The runs of a plan, unless the command line chooses others."""

    backbones: tuple[str, ...]
    strategies: tuple[str, ...] = ()  # empty for benchmarks without strategies
    seeds: tuple[int, ...]
    depth: int = 5
    sizes: dict[str, dict[str, Any]] = {}  # family -> sizes of its backbones, except the depth


class Preset(Struct, frozen=True, kw_only=True):
    """A protocol from the literature, for `--set preset=NAME`."""

    source: str  # the publication that states it
    values: dict[str, Any]  # of protocol or defaults, that a run uses
    published: dict[str, Any] = {}  # its other values; the report lists where a run differs


class BenchmarkCard(Struct, Generic[B], frozen=True, kw_only=True):
    """One file of `benchmarks/`."""

    name: Name
    intent: str  # one line: the question it answers
    citation: str
    protocol: B
    defaults: Defaults
    quick: dict[str, Any] = {}  # values of protocol or defaults for --quick
    quick_if_embedded: bool = False  # `--data` with an embedded set takes them, too
    published_protocol: dict[str, Any] = {}  # settings of the published figures
    published_backbone: dict[str, Any] = {}  # likewise, of the network
    published_strategy: dict[str, dict[str, Any]] = {}  # likewise, of a strategy by its name
    preset: dict[str, Preset] = {}
    claim: tuple[Claim, ...] = ()
    published: tuple[Published, ...] = ()
    published_note: dict[str, str] = {}  # where the publication contradicts itself, or its code


class StrategyCard(Struct, Generic[M], frozen=True, kw_only=True):
    """One file of `strategies/`."""

    name: Name
    intent: str
    citation: str
    source: str  # of the hyper-parameters
    options: M
    quick: dict[str, Any] = {}  # options for --quick


def benchmark(name: str) -> BenchmarkCard:
    """The benchmark card of that name, or at that path. Raises LookupError, ValueError."""
    path = benchmark_path(name)
    card: BenchmarkCard = _read(path, "protocol", _benchmark_type, KINDS)
    check_claims(card)
    check_published(card)
    # here, not when a command asks for them
    with_values(card, card.quick, "quick")
    for preset, values in card.preset.items():
        with_values(card, values.values, f"preset.{preset}")
    return card


def benchmark_path(name: str) -> Path:
    """The path of that card. Raises LookupError where there is none."""
    return _path("benchmarks", name)


def strategy(name: str) -> StrategyCard:
    """The strategy card of that name, or at that path. Raises LookupError, ValueError."""
    path = _path("strategies", name)
    card: StrategyCard = _read(path, "options", _strategy_type, STRATEGIES)
    quick_options(card)
    return card


def with_values(card: BenchmarkCard, values: dict[str, Any], table: str) -> BenchmarkCard:
    """The card with other values of its protocol or defaults; `table` names their source in a message.

    Raises ValueError for a key or a value that the card cannot have.
    """
    protocol, defaults = msgspec.to_builtins(card.protocol), msgspec.to_builtins(card.defaults)
    for key, value in values.items():
        fields = protocol if key in protocol else defaults
        if key not in fields:
            known = closest(key, {**protocol, **defaults})
            raise ValueError(f"card {card.name}: [{table}] has {shorten(key)}. {known}")
        fields[key] = value
    try:
        return msgspec.structs.replace(
            card,
            protocol=msgspec.convert(protocol, type(card.protocol)),
            defaults=msgspec.convert(defaults, type(card.defaults)),
        )
    except msgspec.ValidationError as e:
        raise ValueError(f"card {card.name}: [{table}]: {message(e)}") from e


def quick_options(card: StrategyCard) -> Strategy:
    """The strategy with its card's [quick] options. Raises ValueError for one that it cannot have."""
    if not card.quick:
        return card.options
    try:
        options: Strategy = msgspec.convert(
            msgspec.to_builtins(card.options) | card.quick, type(card.options)
        )
    except msgspec.ValidationError as e:
        known = [f.name for f in msgspec.structs.fields(card.options)]
        raise ValueError(f"card {card.name}: [quick]: {suggest_key(e, known)}") from e
    return options


def _benchmark_type(tag: str) -> Any:
    return BenchmarkCard[KINDS.load(tag).spec]  # type: ignore[misc]


def _strategy_type(tag: str) -> Any:
    return StrategyCard[STRATEGIES.load(tag)]  # type: ignore[misc]


def check_claims(card: BenchmarkCard) -> None:
    """Raise ValueError for a claim about a metric that the card's kind does not have."""
    kind = KINDS.load(card.protocol.kind)
    for claim in card.claim:
        try:
            kind.metric(claim.metric)
        except LookupError as e:
            raise ValueError(f"card {card.name}: claim {shorten(claim.name)}: {message(e)}") from e


def check_published(card: BenchmarkCard) -> None:
    """Raise ValueError for a figure of an unknown metric or note, or with a number and words, or with neither."""
    kind = KINDS.load(card.protocol.kind)
    for figure in card.published:
        place = f"card {card.name}: published, {figure.source}, {shorten(figure.metric)}"
        try:
            kind.metric(figure.metric)
        except LookupError as e:
            raise ValueError(f"{place}: {message(e)}") from e
        if figure.note and figure.note not in card.published_note:
            known = closest(figure.note, card.published_note)
            raise ValueError(f"{place}: unknown note {shorten(figure.note)}. {known}")
        if (figure.mean is None) != bool(figure.words):
            raise ValueError(f"{place}: needs either mean or words")


def names(kind: CardKind) -> list[str]:
    """The names of all cards of a kind, sorted."""
    return sorted(p.stem for p in _folder(kind).glob("*.toml"))


def _path(kind: CardKind, name: str) -> Path:
    singular = {"benchmarks": "benchmark", "strategies": "strategy"}[kind]
    if name.endswith(".toml"):
        if not Path(name).is_file():
            raise LookupError(f"there is no {singular} card at {name}")
        return Path(name)
    if name not in names(kind):
        raise LookupError(f"unknown {singular} {shorten(name)}. {closest(name, names(kind))}")
    return _folder(kind) / f"{name}.toml"


def _folder(kind: CardKind) -> Path:
    package = Path(__file__).parent
    inside = package / "cards" / kind  # in the wheel
    return inside if inside.is_dir() else package.parent / kind


def _read(path: Path, table: str, type_of: Callable[[str], Any], known: Registry[Any]) -> Any:
    """Read a card. Its `table` holds the tag of its type; the card's name is copied into it."""
    raw = _toml(path)
    try:
        if "name" in raw and isinstance(raw.get(table), dict):
            raw[table]["name"] = raw["name"]
        card = type_of(known.tag(raw.get(table), "kind", f"$.{table}"))
    except ValueError as e:
        raise ValueError(f"{path}: {message(e)}") from e
    try:
        return msgspec.convert(raw, card)
    except msgspec.ValidationError as e:
        raise ValueError(f"{path}: {suggest_key(e, _keys(card))}") from e


def _toml(path: Path) -> dict[str, Any]:
    raw = parsing.file_bytes(path)
    try:
        return parsing.toml(raw.decode("utf-8"))
    except ValueError as e:  # UnicodeDecodeError among them
        raise ValueError(f"{path} is not a TOML file: {message(e)}") from e


def _keys(card: Any) -> list[str]:
    """Every key of a card and of the structs in it."""
    keys: list[str] = []
    parts = [get_origin(card) or card, *get_args(card)]
    for part in parts:
        fields = msgspec.structs.fields(part)
        keys += [f.name for f in fields]
        inner = [a for f in fields for a in (f.type, *get_args(f.type))]
        parts += [a for a in inner if isinstance(a, type) and issubclass(a, msgspec.Struct)]
    return keys
