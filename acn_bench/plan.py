"""A benchmark card and choices -> planned runs and excluded strategies; with data and device, the RunConfigs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from acn_bench import catalog
from acn_bench.catalog import BenchmarkCard
from acn_bench.config import MAX_SEED, RunConfig, Seeds
from acn_bench.errors import listed, plain, shorten
from acn_bench.families import checkpoints
from acn_bench.families.checkpoints import Trained
from acn_bench.families.names import backbone_spec
from acn_bench.overrides import PlannedRun, Setting, Shape, full_key, sweep
from acn_bench.registry import DATA, KINDS, closest
from acn_bench.spec import Benchmark, Network, Precision, Strategy

MAX_SEEDS, MAX_RUNS = 10_000, 200_000  # of a plan

_INPUTS = {"image": "images", "text": "text"}


@dataclass(frozen=True)
class Choices:
    """The choices of the command line; an empty one takes the card's default."""

    backbones: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()  # trained networks, in place of backbones
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
        """The protocol of the first run."""
        return self.runs[0].benchmark

    @property
    def by_data(self) -> dict[tuple[tuple[str, ...], tuple[str, ...]], Benchmark]:
        """(data sets, official files) -> the protocol of the first run that reads them."""
        known: dict[tuple[tuple[str, ...], tuple[str, ...]], Benchmark] = {}
        for run in self.runs:
            known.setdefault((run.benchmark.datasets, run.benchmark.official_files), run.benchmark)
        return known

    @property
    def functions(self) -> dict[str, str]:
        """Every `pkg.module:function` of the plan -> its role, for a message."""
        networks = [run.backbone for run in self.runs]
        builders = [run.strategy.function for run in self.runs if run.strategy]
        return {n.function: n.role for n in networks if n.function} | {
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
        return self.resolve_each(lambda _: (fingerprint, shape), precision, sources)

    def resolve_each(
        self,
        data: Callable[[Benchmark], tuple[str, Shape | None]],
        precision: Mapping[str, Precision],
        sources: Mapping[str, str],
    ) -> list[RunConfig]:
        """As `resolve`; `data` gives the fingerprint and the images' shape of a protocol's data."""
        # each once: `auto` and a precision that is named may be the same
        return _unique(
            run.resolve(data(run.benchmark)[0], precision, sources, data(run.benchmark)[1])
            for run in self.runs
        )


def unresolved(card: BenchmarkCard, choices: Choices) -> UnresolvedPlan:
    """Every run: seeds × strategies × settings × backbones, the arms of a pair one after the other.

    Raises LookupError for an unknown name or key, ValueError for an impossible value and for a strategy
    that was asked for by name and cannot serve the scenario.
    """
    settings = [Setting.parse(text) for text in choices.settings]
    preset, settings = _preset_among(settings)
    card = _with_preset(card, preset) if preset else card
    choices = replace(choices, quick=choices.quick or _is_substitute(card, choices.data))
    card = catalog.with_values(card, card.quick, "quick") if choices.quick else card
    runs = _swept(_base_runs(card, choices, preset), settings)
    if len(_unique(run.benchmark.data_arguments for run in runs)) > 1:
        raise ValueError(
            "--set arguments: all runs of a plan share one stream, so they take one value"
        )
    named = () if "all" in choices.strategies else choices.strategies
    supported, excluded = _supported(runs, named)
    return UnresolvedPlan(tuple(_pairs_together(supported)), excluded)


def _is_substitute(card: BenchmarkCard, data: str | None) -> bool:
    """Whether the data are embedded, and the card has no protocol for them but its quick one."""
    if data is None or data not in DATA or not card.quick_if_embedded:
        return False
    return DATA.load(data).is_embedded


def _base_runs(card: BenchmarkCard, choices: Choices, preset: str) -> list[PlannedRun]:
    """Seeds × strategies × backbones, before `--set`."""
    protocol = card.protocol.on(choices.data or card.protocol.datasets[0])
    strategies = _strategies(card, choices)
    seeds = [Seeds(order=s, init=s, data=s, noise=s) for s in _seeds(card, choices)]
    if choices.checkpoints:
        return [
            PlannedRun(protocol, None, network, s, quick=choices.quick, preset=preset)
            for network, own in _trained(card, choices)
            for s in ([own] if own else seeds)
        ]
    names = choices.backbones or card.defaults.backbones
    arms = [_arm(n, card, protocol) for n in _unique(names)]
    _refuse_many(len(seeds) * len(strategies) * len(arms))
    return [
        PlannedRun(arm_protocol, strategy, backbone, s, quick=choices.quick, preset=preset)
        for s in seeds
        for strategy in strategies
        for arm_protocol, backbone in arms
    ]


def _trained(card: BenchmarkCard, choices: Choices) -> list[Trained]:
    """The networks of `--checkpoint`. Raises ValueError for a benchmark that trains, and beside `--backbones`."""
    if not card.protocol.takes_trained:
        raise ValueError(
            f"--checkpoint: {card.name} trains its networks; robustness benchmarks such as noise_cifar10 measure "
            "trained ones"
        )
    if choices.backbones:
        raise ValueError("--checkpoint names trained networks: remove --backbones")
    networks = checkpoints.trained(choices.checkpoints)
    if choices.seeds and any(seeds for _, seeds in networks):
        raise ValueError("--checkpoint: the seeds are those of the networks' runs: remove --seeds")
    return networks


def _seeds(card: BenchmarkCard, choices: Choices) -> list[int]:
    """Each seed once. Raises ValueError for too many."""
    seeds = list(dict.fromkeys(choices.seeds or card.defaults.seeds))
    if len(seeds) > MAX_SEEDS:
        raise ValueError(f"these are {len(seeds):,} seeds, and a plan has at most {MAX_SEEDS:,}")
    return seeds


def _swept(runs: Sequence[PlannedRun], settings: Sequence[Setting]) -> list[PlannedRun]:
    """The runs with every combination of the settings' values. Raises ValueError for a repeated key."""
    keys = [full_key(setting, runs) for setting in settings]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice:
        raise ValueError(f"--set {twice} is given twice; to sweep, write {twice}=a,b")
    _refuse_many(len(runs) * prod(len(setting.values) for setting in settings))
    return list(sweep(runs, settings, keys))


def missing_bounds(runs: Iterable[PlannedRun | RunConfig]) -> str:
    """Name the missing baselines: naive (lower bound), joint (upper bound); empty where none is missing."""
    strategies = [run.strategy for run in runs if run.strategy is not None]
    bounds = {"lower": "naive (lower bound)", "upper": "joint (upper bound)"}
    present = {s.bound for s in strategies}
    return ", ".join(
        words for bound, words in bounds.items() if strategies and bound not in present
    )


def numbers(text: str) -> tuple[int, ...]:
    """`0,1,2` or `0-4` or a mix of both -> whole numbers. Raises ValueError, for more than `MAX_SEEDS` too."""
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        words = (first, last) if dash else (first, first)
        if not all(word.isdecimal() for word in words):
            raise ValueError(f"{shorten(text)} is not a list of seeds; write 0,1,2 or 0-4")
        if any(len(word) > len(str(MAX_SEED)) for word in words) or int(words[1]) > MAX_SEED:
            raise ValueError(f"a seed is at most {MAX_SEED}, and {shorten(text)} has a larger one")
        low, high = map(int, words)
        if high < low:
            raise ValueError(f"{shorten(text)} is not a list of seeds; write 0,1,2 or 0-4")
        if len(seeds) + high + 1 - low > MAX_SEEDS:
            raise ValueError(
                f"{shorten(text)} is more than {MAX_SEEDS:,} seeds, and a plan has at most so many"
            )
        seeds += range(low, high + 1)
    return tuple(seeds)


def _refuse_many(runs: int) -> None:
    if runs > MAX_RUNS:
        raise ValueError(
            f"these are {runs:,} runs, and a plan has at most {MAX_RUNS:,}: choose fewer seeds, strategies, "
            "backbones or values of --set"
        )


# ---------------------------------------------------------------- names


def _preset_among(settings: Sequence[Setting]) -> tuple[str, list[Setting]]:
    """(the value of `--set preset=`, empty without one; the other settings)."""
    named = [value for s in settings if s.key == "preset" for value in s.values]
    if len(named) > 1:
        raise ValueError(f"--set preset={listed(named)}: a plan has one preset")
    return "".join(named), [s for s in settings if s.key != "preset"]


def _with_preset(card: BenchmarkCard, name: str) -> BenchmarkCard:
    """The card with the values of one of its presets."""
    if not card.preset:
        raise LookupError(f"--set preset={plain(name)}: the card {card.name} has no presets")
    if name not in card.preset:
        raise LookupError(f"--set preset={plain(name)}: {closest(name, card.preset)}")
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
            f"--strategies {listed(choices.strategies)}: {card.name} has no experiences, so strategies "
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
        raise ValueError(
            f"two strategy cards are named {shorten(twice)}: give one of them another name"
        )


def _supported(
    runs: Sequence[PlannedRun], named: Sequence[str]
) -> tuple[list[PlannedRun], tuple[str, ...]]:
    """The runs whose strategy can serve their scenario, and a sentence for each strategy that cannot.

    Raises ValueError for one of `named`, and where no run is left.
    """
    reasons: dict[tuple[int, ...], str | None] = {}  # by the specs, of which many runs share one
    supported: list[PlannedRun] = []
    excluded: dict[str, None] = {}
    for run in runs:
        strategy = run.strategy
        specs = id(run.benchmark), id(run.backbone), id(strategy)
        if specs not in reasons:
            reasons[specs] = run.benchmark.check(run.backbone, strategy)
        reason = reasons[specs]
        if strategy is None or reason is None:
            supported.append(run)
            continue
        sentence = f"{strategy.name}: {reason}"
        if strategy.name in named:
            raise ValueError(sentence)
        excluded[sentence] = None
    if not supported:
        raise ValueError("; ".join(excluded))
    return supported, tuple(excluded)


def _unique(values: Iterable[Any]) -> list[Any]:
    """In order, each once; by equality, since a spec may hold a dict."""
    values = list(values)
    return list(dict(zip(_ranks(values), values, strict=True)).values())


def _ranks(values: Sequence[Any]) -> list[int]:
    """For each value its place among the distinct ones, counted from 0 as they come first; in linear time."""
    by_id: dict[int, int] = {}
    by_text: dict[tuple[type, str], int] = {}  # a spec that holds a dict has no hash
    for value in values:
        if id(value) not in by_id:
            by_id[id(value)] = by_text.setdefault((type(value), repr(value)), len(by_text))
    return [by_id[id(value)] for value in values]


def _pairs_together(runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    """Each run once, seed by seed, so that whole comparisons finish early; the arms of a pair one after the other."""
    attributes = ("seeds", "strategy", "benchmark", "precision", "backbone")
    ranks = zip(*(_ranks([getattr(run, a) for run in runs]) for a in attributes), strict=True)
    distinct = dict(zip(ranks, runs, strict=True))

    def position(item: tuple[tuple[int, ...], PlannedRun]) -> tuple[int, ...]:
        (*rank, backbone), run = item
        return (*rank, run.backbone.depth or 0, backbone)

    return [run for _, run in sorted(distinct.items(), key=position)]
