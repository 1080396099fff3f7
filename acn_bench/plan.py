"""A benchmark and choices -> the list of RunConfigs, and what is refused."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from acn_bench import catalog
from acn_bench.catalog import BenchmarkCard
from acn_bench.config import RunConfig, Seeds
from acn_bench.families.names import backbone_spec
from acn_bench.overrides import PlannedRun, Setting, full_key, sweep
from acn_bench.registry import KINDS, closest
from acn_bench.spec import Benchmark, Network, Precision, Strategy

_INPUTS = {"image": "images", "text": "text"}

Shape = tuple[int, int, int]  # of an image, (C, H, W)


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
class UnresolvedPlan:
    """A plan as far as it can be made without data and device: everything but two fields a run."""

    configs: tuple[RunConfig, ...]  # fingerprint and precision are still to come
    precisions: tuple[str, ...]  # `auto`, `fp32` or `bf16`, one for each config
    refused: tuple[str, ...] = ()  # "strategy: why it does not serve the scenario"

    @property
    def datasets(self) -> tuple[str, ...]:
        """The names of the data sets that every run uses, in the protocol's order."""
        protocol: Benchmark = self.configs[0].benchmark
        return protocol.datasets

    @property
    def functions(self) -> dict[str, str]:
        """Every `pkg.module:function` of the plan, and what it is."""
        backbones = [c.backbone.function for c in self.configs]
        builders = [c.strategy.function for c in self.configs if c.strategy]
        return {f: "backbone factory" for f in backbones if f} | {
            f: "strategy builder" for f in builders if f
        }

    def resolve(
        self,
        fingerprint: str,
        precision: dict[str, Precision],
        sources: dict[str, str],
        shape: Shape | None = (3, 32, 32),
    ) -> list[RunConfig]:
        """The plan: `precision` says what `auto`, `fp32` and `bf16` mean on the device.

        `sources` gives the hash of the file that defines each of `functions`; `shape` is the images'. Raises
        ValueError for images that a network cannot see.
        """
        resolved = []
        for config, wanted in zip(self.configs, self.precisions, strict=True):
            backbone, strategy = config.backbone, config.strategy
            if backbone.function:
                backbone = msgspec.structs.replace(backbone, source=sources[backbone.function])
            if strategy and strategy.function:
                strategy = msgspec.structs.replace(strategy, source=sources[strategy.function])
            resolved.append(
                msgspec.structs.replace(
                    config,
                    backbone=backbone.for_images(shape) if shape else backbone,
                    strategy=strategy,
                    fingerprint=fingerprint,
                    precision=precision[wanted],
                )
            )
        return _unique(resolved)  # `auto` may be what is asked for by name, too


def unresolved(card: BenchmarkCard, choices: Choices) -> UnresolvedPlan:
    """Every run: seeds × strategies × settings × backbones, so that the arms of a pair come together.

    Raises LookupError for an unknown name or key, ValueError for a value that cannot be and for a
    strategy that was named and does not serve the scenario.
    """
    settings = [Setting.parse(text) for text in choices.settings]
    preset, settings = _preset_among(settings)
    card = _with_preset(card, preset) if preset else card
    card = _quick(card) if choices.quick else card
    protocol = card.protocol.on(choices.data or card.protocol.datasets[0])
    strategies = _learners(card, choices)
    names = choices.backbones or card.defaults.backbones
    arms = [_arm(n, card, protocol) for n in _unique(names)]
    bases = [
        PlannedRun(protocol, strategy, backbone, Seeds(order=s, init=s, data=s, noise=s), "auto")
        for s in _unique(choices.seeds or card.defaults.seeds)
        for strategy in strategies
        for protocol, backbone in arms
    ]
    keys = [full_key(setting, bases) for setting in settings]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice:
        raise ValueError(f"--set {twice} is given twice; to sweep, write {twice}=a,b")
    swept = [run for base in bases for run in sweep(base, settings, keys)]
    arguments = _unique(run.benchmark.data_arguments for run in swept)
    if len(arguments) > 1:
        raise ValueError(
            "--set arguments: a plan has one stream, so they cannot take several values"
        )
    named = () if "all" in choices.strategies else choices.strategies
    supported, refused = _supported(swept, named)
    runs = _pairs_together(supported)
    return UnresolvedPlan(
        tuple(_config(r, choices.quick, preset) for r in runs),
        tuple(r.precision for r in runs),
        refused,
    )


def _config(run: PlannedRun, quick: bool, preset: str) -> RunConfig:
    return RunConfig(
        benchmark=run.benchmark,
        strategy=run.strategy,
        backbone=run.backbone,
        seeds=run.seed,
        fingerprint="",
        quick=quick,
        preset=preset,
    )


def missing_bounds(configs: Sequence[RunConfig]) -> str:
    """Name the missing baselines: naive (lower bound), joint (upper bound); empty where nothing is missing."""
    strategies = [c.strategy for c in configs if c.strategy is not None]
    bounds = {"lower": "naive (lower bound)", "upper": "joint (upper bound)"}
    present = {s.bound for s in strategies}
    return ", ".join(
        words for bound, words in bounds.items() if strategies and bound not in present
    )


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


# ---------------------------------------------------------------- names


def _preset_among(settings: Sequence[Setting]) -> tuple[str, list[Setting]]:
    """The value of `--set preset=`, empty without one, and the other settings."""
    named = [value for s in settings if s.key == "preset" for value in s.values]
    if len(named) > 1:
        raise ValueError(f"--set preset={','.join(named)}: a plan has one preset")
    return "".join(named), [s for s in settings if s.key != "preset"]


def _with_preset(card: BenchmarkCard, name: str) -> BenchmarkCard:
    """The card with the values of one of its presets in place of its own."""
    if not card.preset:
        raise LookupError(f"--set preset={name}: the card {card.name} has no presets")
    if name not in card.preset:
        raise LookupError(f"--set preset={name}: {closest(name, card.preset)}")
    return _replaced(card, card.preset[name].values, f"preset.{name}")


def _quick(card: BenchmarkCard) -> BenchmarkCard:
    """The card with its [quick] values in place of its own."""
    return _replaced(card, card.quick, "quick")


def _replaced(card: BenchmarkCard, values: dict[str, Any], table: str) -> BenchmarkCard:
    """The card with values of protocol or defaults in place of its own."""
    protocol, defaults = msgspec.to_builtins(card.protocol), msgspec.to_builtins(card.defaults)
    for key, value in values.items():
        place = protocol if key in protocol else defaults
        if key not in place:
            raise ValueError(f"card {card.name}: [{table}] has {key!r}. {closest(key, protocol)}")
        place[key] = value
    try:
        return msgspec.structs.replace(
            card,
            protocol=msgspec.convert(protocol, type(card.protocol)),
            defaults=msgspec.convert(defaults, type(card.defaults)),
        )
    except msgspec.ValidationError as e:
        raise ValueError(f"card {card.name}: [{table}]: {e}") from e


def _arm(word: str, card: BenchmarkCard, protocol: Benchmark) -> tuple[Benchmark, Network]:
    """`residual_mixer`, or `residual_mixer+aligned`: the network, and the protocol with its scheme."""
    name, plus, scheme = word.partition("+")
    backbone = _backbone(name, card)
    if not plus:
        return protocol, backbone
    return protocol.as_arm(scheme, name), backbone


def _backbone(name: str, card: BenchmarkCard) -> Network:
    """The network of that name at the card's depth, and of the sizes that it gives the family."""
    family = name.partition(":")[0].rpartition("_")[2]
    sizes = card.defaults.sizes.get(family, {})
    backbone = backbone_spec(name, {"depth": card.defaults.depth} | sizes)
    wanted = KINDS.load(card.protocol.kind).inputs
    if backbone.inputs not in (None, wanted):
        raise LookupError(
            f"{backbone.name} reads {_INPUTS[backbone.inputs]}, and this benchmark has {_INPUTS[wanted]}"
        )
    return backbone


def _learners(card: BenchmarkCard, choices: Choices) -> list[Strategy | None]:
    """What resists forgetting; None alone where nothing can be forgotten."""
    if card.protocol.forgets:
        names = _strategies(choices.strategies or card.defaults.strategies)
        learners = [_options(name, choices.quick) for name in names]
        _each_once(learners)
        return list(learners)
    if choices.strategies:
        raise ValueError(
            f"--strategies {','.join(choices.strategies)}: {card.name} has no experiences, so there is nothing "
            "that a strategy could keep from being forgotten; leave --strategies out"
        )
    return [None]


def _strategies(names: Sequence[str]) -> list[str]:
    """In the order given; for `all` the lower and the upper bound come first."""
    known = catalog.names("strategies")
    return sorted(known, key=_is_bound, reverse=True) if "all" in names else _unique(names)


def _is_bound(name: str) -> bool:
    return catalog.strategy(name).options.bound is not None


def _options(name: str, quick: bool) -> Strategy:
    """What the strategy's card says, its [quick] values in place of its own where asked for."""
    card = catalog.strategy(name)
    if not quick or not card.quick:
        return card.options
    try:
        values = msgspec.to_builtins(card.options) | card.quick
        options: Strategy = msgspec.convert(values, type(card.options))
    except msgspec.ValidationError as e:
        raise ValueError(f"card {card.name}: [quick]: {e}") from e
    return options


def _each_once(strategies: Sequence[Strategy]) -> None:
    """Raise ValueError for two cards of one name: their runs could not be told apart."""
    names = [s.name for s in strategies]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ValueError(f"two strategy cards are named {twice!r}: give one of them another name")


def _supported(
    runs: Sequence[PlannedRun], named: Sequence[str]
) -> tuple[list[PlannedRun], tuple[str, ...]]:
    """The runs whose strategy serves their scenario, and a sentence for each strategy that does not.

    Raises ValueError for one of `named`, and where nothing is left.
    """
    supported: list[PlannedRun] = []
    refused: list[str] = []
    for run in runs:
        strategy = run.strategy
        reason = run.benchmark.check(run.backbone, strategy)
        if strategy is None or reason is None:
            supported.append(run)
            continue
        sentence = f"{strategy.name}: {reason}"
        if strategy.name in named:
            raise ValueError(sentence)
        refused.append(sentence)
    if not supported:
        raise ValueError("; ".join(_unique(refused)))
    return supported, tuple(_unique(refused))


def _unique(values: Iterable[Any]) -> list[Any]:
    """In order, each once; by equality, since a spec may hold a dict."""
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def _pairs_together(runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    """Seed after seed, so that whole comparisons are there early; the arms of a pair side by side."""
    parts = ("seed", "strategy", "benchmark", "precision")
    orders = [_unique(getattr(run, part) for run in runs) for part in parts]

    def place(run: PlannedRun) -> tuple[int, ...]:
        found = [o.index(getattr(run, p)) for o, p in zip(orders, parts, strict=True)]
        return (*found, run.backbone.depth or 0)

    return _unique(sorted(runs, key=place))
