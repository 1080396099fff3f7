"""A benchmark card and choices -> planned runs and excluded strategies; with data and device, the RunConfigs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from acn_bench import catalog
from acn_bench.catalog import BenchmarkCard
from acn_bench.config import RunConfig, Seeds
from acn_bench.families.names import backbone_spec
from acn_bench.overrides import PlannedRun, Setting, Shape, full_key, sweep
from acn_bench.registry import KINDS, closest
from acn_bench.spec import Benchmark, Network, Precision, Strategy

_INPUTS = {"image": "images", "text": "text"}


@dataclass(frozen=True)
class Choices:
    """The choices of the command line; an empty one takes the card's default."""

    backbones: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    data: str | None = None
    settings: tuple[str, ...] = ()  # key=value[,value…]
    quick: bool = False


@dataclass(frozen=True)
class UnresolvedPlan:
    """The runs of a plan before data and device are known; `resolve` gives their configs."""

    runs: tuple[PlannedRun, ...]
    excluded: tuple[str, ...] = ()  # "strategy: why it cannot serve the scenario"

    @property
    def benchmark(self) -> Benchmark:
        """The protocol of the first run; all runs share its data."""
        return self.runs[0].benchmark

    @property
    def functions(self) -> dict[str, str]:
        """Every `pkg.module:function` of the plan -> its role, for a message."""
        backbones = [run.backbone.function for run in self.runs]
        builders = [run.strategy.function for run in self.runs if run.strategy]
        return {f: "backbone factory" for f in backbones if f} | {
            f: "strategy builder" for f in builders if f
        }

    def resolve(
        self,
        fingerprint: str,
        precision: Mapping[str, Precision],
        sources: Mapping[str, str],
        shape: Shape | None = (3, 32, 32),
    ) -> list[RunConfig]:
        """The configs of the plan, each once.

        `fingerprint` is the data's; `precision` maps `auto`, `fp32` and `bf16` to what the device uses;
        `sources` maps each of `functions` to the hash of its file; `shape` is the images'. Raises ValueError
        for images that a network cannot take.
        """
        # each once: `auto` and a precision that is named may be the same
        return _unique(run.resolve(fingerprint, precision, sources, shape) for run in self.runs)


def unresolved(card: BenchmarkCard, choices: Choices) -> UnresolvedPlan:
    """Every run: seeds × strategies × settings × backbones, the arms of a pair one after the other.

    Raises LookupError for an unknown name or key, ValueError for an impossible value and for a strategy
    that was asked for by name and cannot serve the scenario.
    """
    settings = [Setting.parse(text) for text in choices.settings]
    preset, settings = _preset_among(settings)
    card = _with_preset(card, preset) if preset else card
    card = catalog.with_values(card, card.quick, "quick") if choices.quick else card
    runs = _swept(_base_runs(card, choices, preset), settings)
    if len(_unique(run.benchmark.data_arguments for run in runs)) > 1:
        raise ValueError(
            "--set arguments: all runs of a plan share one stream, so they take one value"
        )
    named = () if "all" in choices.strategies else choices.strategies
    supported, excluded = _supported(runs, named)
    return UnresolvedPlan(tuple(_pairs_together(supported)), excluded)


def _base_runs(card: BenchmarkCard, choices: Choices, preset: str) -> list[PlannedRun]:
    """Seeds × strategies × backbones, before `--set`."""
    protocol = card.protocol.on(choices.data or card.protocol.datasets[0])
    strategies = _strategies(card, choices)
    names = choices.backbones or card.defaults.backbones
    arms = [_arm(n, card, protocol) for n in _unique(names)]
    return [
        PlannedRun(
            benchmark=arm_protocol,
            strategy=strategy,
            backbone=backbone,
            seeds=Seeds(order=s, init=s, data=s, noise=s),
            quick=choices.quick,
            preset=preset,
        )
        for s in _unique(choices.seeds or card.defaults.seeds)
        for strategy in strategies
        for arm_protocol, backbone in arms
    ]


def _swept(runs: Sequence[PlannedRun], settings: Sequence[Setting]) -> list[PlannedRun]:
    """The runs with every combination of the settings' values. Raises ValueError for a repeated key."""
    keys = [full_key(setting, runs) for setting in settings]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice:
        raise ValueError(f"--set {twice} is given twice; to sweep, write {twice}=a,b")
    return [changed for run in runs for changed in sweep(run, settings, keys)]


def missing_bounds(runs: Iterable[PlannedRun | RunConfig]) -> str:
    """Name the missing baselines: naive (lower bound), joint (upper bound); empty where none is missing."""
    strategies = [run.strategy for run in runs if run.strategy is not None]
    bounds = {"lower": "naive (lower bound)", "upper": "joint (upper bound)"}
    present = {s.bound for s in strategies}
    return ", ".join(
        words for bound, words in bounds.items() if strategies and bound not in present
    )


def numbers(text: str) -> tuple[int, ...]:
    """`0,1,2` or `0-4` or a mix of both -> whole numbers. Raises ValueError."""
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        digits = first.isdecimal() and (last.isdecimal() or not dash)
        if not digits or int(last or first) < int(first):
            raise ValueError(f"{text!r} is not a list of seeds; write 0,1,2 or 0-4")
        seeds += range(int(first), int(last or first) + 1)
    return tuple(seeds)


# ---------------------------------------------------------------- names


def _preset_among(settings: Sequence[Setting]) -> tuple[str, list[Setting]]:
    """(the value of `--set preset=`, empty without one; the other settings)."""
    named = [value for s in settings if s.key == "preset" for value in s.values]
    if len(named) > 1:
        raise ValueError(f"--set preset={','.join(named)}: a plan has one preset")
    return "".join(named), [s for s in settings if s.key != "preset"]


def _with_preset(card: BenchmarkCard, name: str) -> BenchmarkCard:
    """The card with the values of one of its presets."""
    if not card.preset:
        raise LookupError(f"--set preset={name}: the card {card.name} has no presets")
    if name not in card.preset:
        raise LookupError(f"--set preset={name}: {closest(name, card.preset)}")
    return catalog.with_values(card, card.preset[name].values, f"preset.{name}")


def _arm(text: str, card: BenchmarkCard, protocol: Benchmark) -> tuple[Benchmark, Network]:
    """`residual_mixer` or `residual_mixer+aligned` -> (the protocol with that scheme, the network)."""
    name, plus, scheme = text.partition("+")
    backbone = _backbone(name, card)
    if not plus:
        return protocol, backbone
    return protocol.as_arm(scheme, name), backbone


def _backbone(name: str, card: BenchmarkCard) -> Network:
    """The network of that name, with the card's depth and its sizes for the family."""
    family = name.partition(":")[0].rpartition("_")[2]
    sizes = card.defaults.sizes.get(family, {})
    backbone = backbone_spec(name, {"depth": card.defaults.depth} | sizes)
    wanted = KINDS.load(card.protocol.kind).inputs
    if backbone.inputs not in (None, wanted):
        raise LookupError(
            f"{backbone.name} takes {_INPUTS[backbone.inputs]}, but this benchmark has {_INPUTS[wanted]}"
        )
    return backbone


def _strategies(card: BenchmarkCard, choices: Choices) -> list[Strategy | None]:
    """The strategies of the plan; [None] where the benchmark has none."""
    if card.protocol.forgets:
        names = _strategy_names(choices.strategies or card.defaults.strategies)
        strategies = [_options(name, choices.quick) for name in names]
        _refuse_same_names(strategies)
        return list(strategies)
    if choices.strategies:
        raise ValueError(
            f"--strategies {','.join(choices.strategies)}: {card.name} has no experiences, so strategies "
            "against forgetting do not apply; remove --strategies"
        )
    return [None]


def _strategy_names(names: Sequence[str]) -> list[str]:
    """In the order given; for `all`, every card, lower and upper bound first."""
    known = catalog.names("strategies")
    return sorted(known, key=_is_bound, reverse=True) if "all" in names else _unique(names)


def _is_bound(name: str) -> bool:
    return catalog.strategy(name).options.bound is not None


def _options(name: str, quick: bool) -> Strategy:
    """The options of a strategy's card; with `quick`, its [quick] values first."""
    card = catalog.strategy(name)
    return catalog.quick_options(card) if quick else card.options


def _refuse_same_names(strategies: Sequence[Strategy]) -> None:
    """Raise ValueError for two cards with one name: their runs would look the same."""
    names = [s.name for s in strategies]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ValueError(f"two strategy cards are named {twice!r}: give one of them another name")


def _supported(
    runs: Sequence[PlannedRun], named: Sequence[str]
) -> tuple[list[PlannedRun], tuple[str, ...]]:
    """The runs whose strategy can serve their scenario, and a sentence for each strategy that cannot.

    Raises ValueError for one of `named`, and where no run is left.
    """
    supported: list[PlannedRun] = []
    excluded: list[str] = []
    for run in runs:
        strategy = run.strategy
        reason = run.benchmark.check(run.backbone, strategy)
        if strategy is None or reason is None:
            supported.append(run)
            continue
        sentence = f"{strategy.name}: {reason}"
        if strategy.name in named:
            raise ValueError(sentence)
        excluded.append(sentence)
    if not supported:
        raise ValueError("; ".join(_unique(excluded)))
    return supported, tuple(_unique(excluded))


def _unique(values: Iterable[Any]) -> list[Any]:
    """In order, each once; by equality, since a spec may hold a dict."""
    distinct: list[Any] = []
    for value in values:
        if value not in distinct:
            distinct.append(value)
    return distinct


def _pairs_together(runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    """Seed by seed, so that whole comparisons finish early; the arms of a pair one after the other."""
    attributes = ("seeds", "strategy", "benchmark", "precision")
    orders = [_unique(getattr(run, a) for run in runs) for a in attributes]

    def position(run: PlannedRun) -> tuple[int, ...]:
        ranks = [o.index(getattr(run, a)) for o, a in zip(orders, attributes, strict=True)]
        return (*ranks, run.backbone.depth or 0)

    return _unique(sorted(runs, key=position))
