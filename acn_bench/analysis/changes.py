"""Two comparisons of one benchmark, before and after an upgrade -> what made them, and which figures moved."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from acn_bench.analysis import statistics
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Arm, Group
from acn_bench.analysis.metric import Metric
from acn_bench.record import Record
from acn_bench.wording import each

LEVEL = 0.05


@dataclass(frozen=True)
class Change:
    """One metric of one arm: after less before, run by run of the same settings and seeds."""

    group: Group
    arm: Arm
    metric: Metric
    before: tuple[float, ...]
    after: tuple[float, ...]
    adjusted: float | None = None  # p by Holm's correction over all that were tested

    @property
    def values(self) -> list[float]:
        """After less before, a run each."""
        return [b - a for a, b in zip(self.before, self.after, strict=True)]

    @property
    def n(self) -> int:
        """How many runs."""
        return len(self.before)

    @property
    def mean(self) -> float:
        """Of the runs' differences."""
        return sum(self.values) / self.n

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """95 % t-interval of the mean; None for one run."""
        return statistics.t_interval(self.values)

    @cached_property
    def p(self) -> float | None:
        """Two-sided, of the paired t-test; None for one run, and where nothing differs."""
        return statistics.p_value(self.values)

    @property
    def differs(self) -> bool:
        """Whether any run has another value."""
        return any(abs(v) > statistics.ROUNDING for v in self.values)

    @property
    def moved(self) -> bool:
        """Whether the whole interval lies on one side of zero: more than runs of the same settings differ."""
        return self.p is not None and self.p < LEVEL


@dataclass(frozen=True)
class Changes:
    """What two comparisons share, and how they differ."""

    runs: int  # in both
    only_before: int
    only_after: int
    made_by: tuple[tuple[str, str, str], ...]  # (what, before, after), where it differs
    figures: tuple[Change, ...]  # every metric of every arm with runs in both

    @property
    def moved(self) -> list[Change]:
        """The figures that moved beyond their noise, the surest first."""
        return sorted((c for c in self.figures if c.moved), key=lambda c: c.p or 0.0)


def changes(before: Comparison, after: Comparison) -> Changes:
    """Pair the runs by their settings and seeds, whatever code made them."""
    old, new = _runs(before), _runs(after)
    shared = [run for run in new if run in old]
    pairs = ([old[run][1] for run in shared], [new[run][1] for run in shared])
    figures = [f for group in after.groups for a in group.arms.values() for f in _of(group, a, old)]
    adjusted = statistics.holm([f.p for f in figures])
    return Changes(
        len(shared),
        len(old.keys() - new.keys()),
        len(new.keys() - old.keys()),
        tuple(_made_by(*pairs)),
        tuple(replace(f, adjusted=p) for f, p in zip(figures, adjusted, strict=True)),
    )


def _runs(comparison: Comparison) -> dict[str, tuple[Arm, Record]]:
    """By run_id, which is of the settings and seeds; of several codes the newest."""
    found = [(a, r) for g in comparison.groups for a in g.arms.values() for r in a.records]
    return {r.run_id: (a, r) for a, r in sorted(found, key=lambda run: run[1].provenance.time)}


def _of(group: Group, arm: Arm, old: dict[str, tuple[Arm, Record]]) -> Iterator[Change]:
    """Each metric of one arm, over the runs that have a value on both sides."""
    pairs = [(*old[r.run_id], r) for r in arm.records if r.run_id in old]
    for metric in group.kind.table("quality"):
        values = [(a.value(o, metric.name), arm.value(r, metric.name)) for a, o, r in pairs]
        known = [(b, n) for b, n in values if b is not None and n is not None]
        if known:
            before, after = zip(*known, strict=True)
            yield Change(group, arm, metric, before, after)


def _made_by(before: Sequence[Record], after: Sequence[Record]) -> Iterator[tuple[str, str, str]]:
    """Code, commit, device and the versions of libraries, each where it is another one."""
    packages = sorted({p for r in (*before, *after) for p in r.provenance.versions})
    parts: list[tuple[str, Callable[[Record], str]]] = [
        ("Code", lambda r: r.provenance.code[:8]),
        ("Commit", lambda r: (r.provenance.commit or "not known")[:12]),
        ("Device", lambda r: r.provenance.device),
        *((p, _version(p)) for p in packages),
    ]
    for word, of in parts:
        if (old := _values(before, of)) != (new := _values(after, of)):
            yield word, each(old), each(new)


def _version(package: str) -> Callable[[Record], str]:
    return lambda record: record.provenance.versions.get(package, "none")


def _values(records: Iterable[Record], of: Callable[[Record], str]) -> list[str]:
    return sorted({of(r) for r in records})
