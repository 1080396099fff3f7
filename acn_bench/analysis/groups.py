"""[Record] -> [Group]: records that differ in nothing but the wiring and the seeds.

Whatever else differs, be it a strategy's option, the depth, the data or the code, makes another
group, never an average. Within a group, arms are compared seed by seed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from acn_bench.analysis import labels, statistics
from acn_bench.analysis.metric import Better, Measure
from acn_bench.config import RunConfig, arm_values
from acn_bench.record import Record
from acn_bench.registry import KINDS
from acn_bench.spec import VARIANTS, WIRINGS

if TYPE_CHECKING:
    from acn_bench.benchmarks.kind import Kind

SeedKey = tuple[int, int, int, int]  # order, init, data, noise
Run = tuple[bytes, str, SeedKey]  # all settings but the strategy's, the wiring, the seeds

ARM_NAMES = {
    "ac": "AC",
    "residual": "residual",
    "feedforward": "feedforward",
    "densenet": "DenseNet",
    "denseformer": "DenseFormer",
}
PLUS = "+"  # between a wiring and a scheme that distinguishes arms


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
        return statistics.deviation(list(self.values.values()))


@dataclass(frozen=True)
class Difference:
    """AC - another arm, seed by seed, over the seeds that both have a value for."""

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
        return statistics.t_interval(list(self.values.values()))

    @cached_property
    def p(self) -> float | None:
        """Two-sided, of the paired t-test, or of the sign test where all pairs differ equally; None for one pair."""
        return statistics.p_value(list(self.values.values()))


@dataclass(frozen=True)
class Arm:
    """The records of one wiring in a group, one a seed tuple, in the order of their seeds."""

    name: str  # the wiring, with its scheme where that distinguishes arms; or a factory's name
    records: tuple[Record, ...]
    # runs that metrics are measured against: joint training of the same wiring, the residual arm
    references: Mapping[str, Mapping[SeedKey, Record]] = field(default_factory=dict)
    # metric -> its cell: a report asks for one up to ten times
    _cells: dict[str, Cell] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def title(self) -> str:
        """As readers call it."""
        return arm_title(self.name)

    @cached_property
    def seeds(self) -> tuple[SeedKey, ...]:
        """Of its records."""
        return tuple(_seeds(r) for r in self.records)

    def value(self, record: Record, metric: str) -> float | None:
        """One metric of one of its records."""
        named = kind_of(record).metric(metric)
        return named.value(record, self.references.get(named.reference, {}).get(_seeds(record)))

    def cell(self, metric: str) -> Cell:
        """One metric of all its records."""
        if metric not in self._cells:
            found = kind_of(self.records[0]).metric(metric)
            other = self.references.get(found.reference, {})
            runs = zip(self.seeds, self.records, strict=True)
            self._cells[metric] = self._cell((s, found.value(r, other.get(s))) for s, r in runs)
        return self._cells[metric]

    def cell_of(self, measure: Measure) -> Cell:
        """One measurement of all its records: of a row that is no metric."""
        return self._cell((s, measure(r)) for s, r in zip(self.seeds, self.records, strict=True))

    def _cell(self, pairs: Iterable[tuple[SeedKey, float | None]]) -> Cell:
        return Cell({s: v for s, v in pairs if v is not None}, len(self.records))


@dataclass(frozen=True)
class Group:
    """Records that differ in nothing but the wiring and the seeds."""

    label: str  # distinguishes it from the other groups of the comparison
    setting: str  # the settings of its label's letter; empty where the label has none
    config: RunConfig  # of one of its records; wiring and seeds are not the group's
    code: str
    arms: dict[str, Arm]

    @cached_property
    def kind(self) -> "Kind":
        """The kind of its benchmark."""
        return kind_of(self.records[0])

    @cached_property
    def settings(self) -> dict[str, Any]:
        """All that its records share, flattened: `benchmark.epochs` -> 10."""
        return labels.settings(self.records[0])

    @cached_property
    def but_code(self) -> bytes:
        """All that its records share, other than the code that made them."""
        return _identity(self.records[0], but="code")

    @cached_property
    def but_strategy(self) -> bytes:
        """All that its records share, other than the strategy and the code, of which each strategy has its own."""
        return _but_strategy(self.records[0])

    @cached_property
    def but_budget(self) -> bytes:
        """All that its records share, other than the budget of an experience."""
        return _identity(self.records[0], but="benchmark.budget")

    @property
    def strategy(self) -> str:
        """The strategy's name; empty where nothing can be forgotten."""
        return self.config.strategy.name if self.config.strategy else ""

    @property
    def family(self) -> str | None:
        """The backbone's family; None for a factory's."""
        return self.config.backbone.family

    @property
    def variant(self) -> str | None:
        """The backbone's variant; None for a factory's."""
        return self.config.backbone.variant

    @property
    def depth(self) -> int | None:
        """The backbone's number of blocks; None for a factory's."""
        return self.config.backbone.depth

    @cached_property
    def records(self) -> list[Record]:
        """Of all arms."""
        return [r for arm in self.arms.values() for r in arm.records]

    @property
    def pairs(self) -> list[tuple[Record, Record]]:
        """(AC, residual) of each seed that both arms were run with."""
        if not {"ac", "residual"} <= self.arms.keys():
            return []
        ac, residual = (
            dict(zip(self.arms[a].seeds, self.arms[a].records, strict=True))
            for a in ("ac", "residual")
        )
        return [(ac[s], residual[s]) for s in ac if s in residual]

    def cell(self, arm: str, metric: str) -> Cell:
        """One metric of one arm; empty where the arm was not run."""
        return self.arms[arm].cell(metric) if arm in self.arms else Cell({}, 0)

    @cached_property
    def baselines(self) -> tuple[str, ...]:
        """The arms that AC is compared with: residual, and residual by other schemes where they are arms."""
        others = (a for a in self.arms if a.partition(PLUS)[0] == "residual")
        return ("residual", *(a for a in others if a != "residual"))

    def difference(self, metric: str, against: str = "residual") -> Difference | None:
        """AC - `against` over the seeds that both have; None where there is no such seed."""
        better = self.kind.metric(metric).better
        return difference(self.cell("ac", metric), self.cell(against, metric), better)

    def difference_of(
        self, measure: Measure, better: Better, against: str = "residual"
    ) -> Difference | None:
        """AC - `against` of a measurement that is no metric; None where there is no such seed."""
        if not {"ac", against} <= self.arms.keys():
            return None
        ac, other = (self.arms[arm].cell_of(measure) for arm in ("ac", against))
        return difference(ac, other, better)


def difference(ac: Cell, other: Cell, better: Better) -> Difference | None:
    """The first cell less the other, seed by seed; None where they share no seed."""
    values = {s: ac.values[s] - other.values[s] for s in ac.values if s in other.values}
    if not values:
        return None
    ties = sum(abs(v) < statistics.ROUNDING for v in values.values())
    sign = -1 if better == "lower" else 1
    return Difference(values, sum(sign * v >= statistics.ROUNDING for v in values.values()), ties)


def kind_of(record: Record) -> "Kind":
    """The kind of a record's benchmark."""
    return KINDS.load(record.config.benchmark.kind)


# ---------------------------------------------------------------- records -> groups


def _by_run(records: Sequence[Record]) -> list[list[Record]]:
    """The records of each run and code, in their order: the newest last, as `records.load_all` gives them."""
    made: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        made.setdefault((record.run_id, record.provenance.code), []).append(record)
    return list(made.values())


def repeats(records: Sequence[Record]) -> tuple[tuple[Record, Record], ...]:
    """(older, newest) for each record that a later one of the same run and code stands for; no copies."""
    pairs = [(old, made[-1]) for made in _by_run(records) for old in made[:-1] if old != made[-1]]
    return tuple(sorted(pairs, key=lambda pair: pair[0].run_id))


def grouped(records: Sequence[Record]) -> tuple[Group, ...]:
    """The groups, in a fixed order. Of two records of the same run and code, the later in the sequence counts."""
    parted: dict[bytes, list[Record]] = {}
    newest = [made[-1] for made in _by_run(records)]
    for record in sorted(newest, key=lambda r: r.run_id):
        parted.setdefault(_identity(record), []).append(record)
    named = labels.named({key: members[0] for key, members in parted.items()})
    joint = _joint([r for members in parted.values() for r in members])
    groups = [
        Group(*named[key], members[0].config, members[0].provenance.code, _arms(members, joint))
        for key, members in parted.items()
    ]
    return tuple(sorted(groups, key=_group_order))


def _arms(records: Sequence[Record], joint: dict[Run, Record]) -> dict[str, Arm]:
    """The arms of a group's records, each with the joint training of the same settings."""
    parted: dict[str, list[Record]] = {}
    for record in sorted(records, key=_seeds):
        parted.setdefault(_arm(record), []).append(record)
    strategy = records[0].config.strategy
    if strategy is not None and strategy.at_once:
        joint = {}
    shared = _but_strategy(records[0]) if joint else b""
    residual = {_seeds(r): r for r in parted.get("residual", [])}
    arms = {}
    for name in sorted(parted, key=arm_order):
        runs = [(shared, name, _seeds(r)) for r in parted[name]]
        of_pairs = {run[-1]: joint[run] for run in runs if run in joint}
        arms[name] = Arm(name, tuple(parted[name]), {"joint": of_pairs, "residual": residual})
    return arms


def _joint(records: Sequence[Record]) -> dict[Run, Record]:
    """Joint training, by all that its runs share with those of a strategy; the last code where there are several."""
    made = sorted(records, key=lambda r: r.provenance.code)
    joint = [r for r in made if (s := r.config.strategy) and s.at_once]
    return {(_but_strategy(r), _arm(r), _seeds(r)): r for r in joint}


def _but_strategy(record: Record) -> bytes:
    """All settings but the strategy's, and but the code: each strategy has files of its own."""
    return _identity(record, but=("strategy.", "code"))


def _identity(record: Record, but: str | tuple[str, ...] = ()) -> bytes:
    """All settings but those whose names begin with `but`."""
    shared = {n: v for n, v in labels.settings(record).items() if not n.startswith(but)}
    return msgspec.json.encode(shared, order="deterministic")


# ---------------------------------------------------------------- small parts


def arm_title(name: str) -> str:
    """An arm as readers call it."""
    wiring, plus, scheme = name.partition(PLUS)
    title = ARM_NAMES.get(wiring, wiring)
    return f"{title} {PLUS} {scheme}" if plus else title


def _arm(record: Record) -> str:
    """The wiring, and the other settings of an arm where they are not plain."""
    more = map(str, arm_values(record.config.benchmark))
    return PLUS.join([record.config.backbone.arm, *(word for word in more if word != "plain")])


def _seeds(record: Record) -> SeedKey:
    s = record.config.seeds
    return (s.order, s.init, s.data, s.noise)


def arm_order(name: str) -> tuple[int, str]:
    """AC and residual first, then the other wirings, then factories by name; each with its schemes behind it."""
    known: list[str] = list(WIRINGS)
    wiring = name.partition(PLUS)[0]
    return (known.index(wiring) if wiring in known else len(known), name)


def _group_order(group: Group) -> tuple[Any, ...]:
    name, strategy = group.strategy, group.config.strategy
    rank = strategy.rank if strategy else 0
    variant = VARIANTS.index(group.variant) if group.variant in VARIANTS else len(VARIANTS)
    return (rank, name, group.family or "~", variant, group.depth or 0, group.label)
