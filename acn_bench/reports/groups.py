"""[RunRecord] -> [Group]: records that differ in nothing but the wiring and the seeds.

Whatever else differs, be it a strategy's option, the depth, the data or the code, makes another
group, never an average. Within a group, arms are compared seed by seed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import Any

import msgspec

from acn_bench.records import RunRecord
from acn_bench.reports.measures import METRICS
from acn_bench.spec import VARIANTS, WIRINGS, FactorySpec, RunConfig

SeedKey = tuple[int, int, int, int]  # order, init, data, noise

ARM_NAMES = {
    "ac": "AC",
    "residual": "residual",
    "feedforward": "feedforward",
    "densenet": "DenseNet",
    "denseformer": "DenseFormer",
}
# Floors first, ceilings last; what is not named here stands between them, by name.
_FIRST, _LAST = ("naive",), ("cumulative", "joint")


@dataclass(frozen=True)
class Cell:
    """One metric of one arm: a value for each seed that has one, in the metric's own scale."""

    values: dict[SeedKey, float]
    runs: int  # records of the arm, with a value or without

    @property
    def n(self) -> int:
        """How many seeds have a value."""
        return len(self.values)

    @property
    def mean(self) -> float | None:
        """Over the seeds that have a value."""
        return sum(self.values.values()) / self.n if self.values else None

    @property
    def spread(self) -> float | None:
        """Standard deviation over seeds (n - 1 below the line); None for fewer than two."""
        return _deviation(list(self.values.values()))


@dataclass(frozen=True)
class Difference:
    """AC - residual, seed by seed, over the seeds that both arms have a value for."""

    values: dict[SeedKey, float]
    wins: int  # seeds in which AC is the better one
    ties: int

    @property
    def n(self) -> int:
        """How many pairs."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """Of the pairs' differences."""
        return sum(self.values.values()) / self.n

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """95 % t-interval of the mean; None for one pair; a point where all pairs differ equally."""
        spread = _deviation(list(self.values.values()))
        if spread is None:
            return None
        if spread < 1e-12:  # rounding of equal differences
            return (self.mean, self.mean)
        half = _t(self.n - 1) * spread / sqrt(self.n)
        return (self.mean - half, self.mean + half)


@dataclass(frozen=True)
class Arm:
    """The records of one wiring in a group, one a seed tuple, in the order of their seeds."""

    name: str  # the wiring, or a factory's name
    records: tuple[RunRecord, ...]

    @property
    def title(self) -> str:
        """As readers call it."""
        return ARM_NAMES.get(self.name, self.name)

    @property
    def seeds(self) -> tuple[SeedKey, ...]:
        """Of its records."""
        return tuple(_seeds(r) for r in self.records)

    def cell(self, metric: str) -> Cell:
        """One metric of all its records."""
        pairs = [(_seeds(r), METRICS[metric].of(r)) for r in self.records]
        return Cell({seeds: v for seeds, v in pairs if v is not None}, len(self.records))


@dataclass(frozen=True)
class Group:
    """Records that differ in nothing but the wiring and the seeds."""

    label: str  # what tells it from the other groups of the comparison
    setting: str  # what its label's letter stands for; empty where the label has none
    config: RunConfig  # of one of its records; wiring and seeds are not the group's
    code: str
    arms: dict[str, Arm]

    @property
    def strategy(self) -> str:
        """The strategy's name."""
        return self.config.strategy.name

    @property
    def family(self) -> str | None:
        """The backbone's family; None for a factory's."""
        return _family(self.config)

    @property
    def variant(self) -> str | None:
        """The backbone's variant; None for a factory's."""
        return getattr(self.config.backbone, "variant", None)

    @property
    def depth(self) -> int | None:
        """The backbone's number of blocks; None for a factory's."""
        return getattr(self.config.backbone, "depth", None)

    @property
    def records(self) -> list[RunRecord]:
        """Of all arms."""
        return [r for arm in self.arms.values() for r in arm.records]

    def cell(self, arm: str, metric: str) -> Cell:
        """One metric of one arm; empty where the arm was not run."""
        return self.arms[arm].cell(metric) if arm in self.arms else Cell({}, 0)

    def difference(self, metric: str) -> Difference | None:
        """AC - residual over the seeds that both have; None where there is no such seed."""
        ac, residual = self.cell("ac", metric).values, self.cell("residual", metric).values
        values = {s: ac[s] - residual[s] for s in ac if s in residual}
        if not values:
            return None
        ties = sum(abs(v) < 1e-12 for v in values.values())
        sign = -1 if METRICS[metric].better == "lower" else 1
        return Difference(values, sum(sign * v >= 1e-12 for v in values.values()), ties)


# ---------------------------------------------------------------- records -> groups


def _newest(records: Sequence[RunRecord]) -> list[RunRecord]:
    newest: dict[tuple[str, str], RunRecord] = {}
    for record in sorted(records, key=lambda r: r.provenance.time):
        newest[record.run_id, record.provenance.code] = record
    return list(newest.values())


def grouped(records: Sequence[RunRecord]) -> tuple[Group, ...]:
    """The groups, in a fixed order. Of two records of the same run and code, the newer one counts."""
    parted: dict[bytes, list[RunRecord]] = {}
    for record in sorted(_newest(records), key=lambda r: r.run_id):
        parted.setdefault(_identity(record), []).append(record)
    named = _named({key: members[0] for key, members in parted.items()})
    groups = [
        Group(*named[key], members[0].config, members[0].provenance.code, _arms(members))
        for key, members in parted.items()
    ]
    return tuple(sorted(groups, key=_group_order))


def _arms(records: Sequence[RunRecord]) -> dict[str, Arm]:
    parted: dict[str, list[RunRecord]] = {}
    for record in sorted(records, key=_seeds):
        parted.setdefault(_arm(record), []).append(record)
    return {name: Arm(name, tuple(parted[name])) for name in sorted(parted, key=arm_order)}


def _settings(record: RunRecord) -> dict[str, Any]:
    """All that must be equal within a group, as flat words: `benchmark.epochs` -> 10."""
    raw = msgspec.to_builtins(record.config)
    backbone, strategy = raw.pop("backbone"), raw.pop("strategy")
    del raw["seeds"], backbone["family"], strategy["name"]
    backbone.pop("wiring", None)
    family = _family(record.config) or "factory"
    # a depth among Mixers, a strength among runs of SI: other families and strategies do not count
    raw |= {"backbone": {family: backbone}, "strategy": {record.config.strategy.name: strategy}}
    return dict(_flat(raw)) | {"code": record.provenance.code[:8]}


def _flat(value: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from _flat(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", tuple(inner) if isinstance(inner, list) else inner


def _identity(record: RunRecord) -> bytes:
    return msgspec.json.encode(_settings(record), order="deterministic")


def _named(examples: dict[bytes, RunRecord]) -> dict[bytes, tuple[str, str]]:
    """For each group its label and, where settings too many for a label differ, all of them."""
    settings = {key: _settings(record) for key, record in examples.items()}
    varied = _varied(settings.values())
    families = {_family(record.config) for record in examples.values()}
    others = {
        key: ", ".join(_setting(n, v) for n, v in flat.items() if n in varied - _depths(flat))
        for key, flat in settings.items()
    }
    many = len({n for flat in settings.values() for n in varied - _depths(flat)}) > 2
    letters = {words: _letter(k) for k, words in enumerate(sorted(set(others.values())))}
    named = {}
    for key, record in examples.items():
        words = [record.config.strategy.name, _backbone_words(record.config, len(families) > 1)]
        words += [
            _setting(n, v) for n, v in settings[key].items() if n in varied & _depths(settings[key])
        ]
        if others[key]:
            words += [f"setting {letters[others[key]]}"] if many else others[key].split(", ")
        named[key] = (" · ".join(words), others[key] if many else "")
    return named


def _varied(settings: Iterable[dict[str, Any]]) -> set[str]:
    """The settings that take several values and that the first words of a label do not say."""
    values: dict[str, set[Any]] = {}
    for flat in settings:
        for name, value in flat.items():
            values.setdefault(name, set()).add(value)
    silent = (".variant", ".factory", ".source", ".kind")
    return {n for n, found in values.items() if len(found) > 1 and not n.endswith(silent)}


def _depths(flat: dict[str, Any]) -> set[str]:
    return {name for name in flat if name.startswith("backbone.") and name.endswith(".depth")}


def _letter(k: int) -> str:
    """A to Z, then 27 and on."""
    return chr(ord("A") + k) if k < 26 else str(k + 1)


def _backbone_words(config: RunConfig, several_families: bool) -> str:
    family, backbone = _family(config), config.backbone
    if family is None or isinstance(backbone, FactorySpec):
        return backbone.name
    return f"{family} {backbone.variant}" if several_families else backbone.variant


def _setting(name: str, value: Any) -> str:
    """One setting in words: "depth 10", "epochs 5", "quick"."""
    word = name.rsplit(".", 1)[-1].replace("_", " ")
    if isinstance(value, bool):
        return word if value else f"not {word}"
    if name == "fingerprint":
        return f"data {str(value)[:8]}"
    if name == "benchmark.data":
        return str(value)
    if isinstance(value, tuple):
        value = "/".join(f"{v:g}" for v in value)
    return f"{word} {value}"


# ---------------------------------------------------------------- small parts


def _arm(record: RunRecord) -> str:
    backbone = record.config.backbone
    return backbone.name if isinstance(backbone, FactorySpec) else backbone.wiring


def _family(config: RunConfig) -> str | None:
    backbone = config.backbone
    return None if isinstance(backbone, FactorySpec) else str(backbone.__struct_config__.tag)


def _seeds(record: RunRecord) -> SeedKey:
    s = record.config.seeds
    return (s.order, s.init, s.data, s.noise)


def arm_order(name: str) -> tuple[int, str]:
    """AC and residual first, then the other wirings, then factories by name."""
    known: list[str] = list(WIRINGS)
    return (known.index(name) if name in known else len(known), name)


def _group_order(group: Group) -> tuple[Any, ...]:
    name = group.strategy
    rank = -1 if name in _FIRST else 1 + _LAST.index(name) if name in _LAST else 0
    variant = VARIANTS.index(group.variant) if group.variant in VARIANTS else len(VARIANTS)
    return (rank, name, group.family or "~", variant, group.depth or 0, group.label)


def _deviation(values: Sequence[float]) -> float | None:
    n = len(values)
    if n < 2:
        return None
    middle = sum(values) / n
    return sqrt(sum((v - middle) ** 2 for v in values) / (n - 1))


def _t(degrees: int) -> float:
    """The 97.5 % point of Student's t."""
    from scipy.special import stdtrit  # what scipy.stats.t.ppf calls; a fifth of its import time

    return float(stdtrit(degrees, 0.975))
