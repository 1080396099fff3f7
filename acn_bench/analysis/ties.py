"""Comparison -> strategies from best to worst, and which of them paired tests cannot part.

A rank alone says nothing about chance. Of each arm, every two strategies of the same settings are compared seed by seed by
the paired t-test, and Holm's correction is over all pairs of that arm. Strategies that stay within one bar form a set in
which no two are parted (Demšar 2006, figure 1, with the tests of Benavoli, Corani & Mangili 2016, section 4).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from acn_bench.analysis import statistics
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Cell, Group, arm_order
from acn_bench.analysis.metric import Metric

LEAST = 3  # strategies: of two, the verdicts say all
LEVEL = 1 - statistics.CONFIDENCE


@dataclass(frozen=True)
class Ranked:
    """One strategy of a ranking."""

    strategy: str
    cell: Cell
    rank: float  # its mean over seeds; 1 is the best, equal values share the mean of their ranks


@dataclass(frozen=True)
class Ranking:
    """The strategies of one arm and one setting, best first."""

    setting: str  # the words of the groups' labels but the strategy's
    arm: str
    metric: Metric
    entries: tuple[Ranked, ...]
    seeds: int  # that all strategies share
    bars: tuple[
        tuple[int, int], ...
    ]  # (first, last) place of each longest run in which no two are parted

    def letters(self, place: int) -> str:
        """The bars that a strategy stands in, as letters: strategies that share one are not parted."""
        return "".join(chr(ord("a") + k) for k, (i, j) in enumerate(self.bars) if i <= place <= j)


def rankings(comparison: Comparison, metric: str) -> list[Ranking]:
    """Of each setting and arm with `LEAST` strategies or more that share two seeds."""
    parted: dict[bytes, list[Group]] = {}
    for group in comparison.groups:
        if group.strategy:
            parted.setdefault(group.but_strategy, []).append(group)
    return [r for groups in parted.values() for r in _of_setting(groups, metric)]


def _of_setting(groups: Sequence[Group], name: str) -> Iterator[Ranking]:
    metric = groups[0].kind.metric(name)
    for arm in sorted({a for g in groups for a in g.arms}, key=arm_order):
        cells = {title(g, groups): c for g in groups if (c := g.cell(arm, name)).n > 1}
        shared = set.intersection(*(set(c.values) for c in cells.values())) if cells else set()
        if len(cells) < LEAST or len(shared) < 2:
            continue
        ranks = _ranks({s: [c.values[k] for k in sorted(shared)] for s, c in cells.items()}, metric)
        entries = [Ranked(s, c, ranks[s]) for s, c in cells.items()]
        entries.sort(key=lambda e: (e.rank, e.strategy))
        bars = tuple(_bars([e.cell for e in entries]))
        words = [w for w in groups[0].label.split(" · ") if w != groups[0].strategy]
        yield Ranking(" · ".join(words), arm, metric, tuple(entries), len(shared), bars)


def title(group: Group, groups: Sequence[Group]) -> str:
    """A strategy's name; with its other words where it was run with several options."""
    same = sum(g.strategy == group.strategy for g in groups)
    return group.strategy if same == 1 else group.label


def _ranks(values: dict[str, list[float]], metric: Metric) -> dict[str, float]:
    """The mean rank of each strategy over the seeds."""
    sign = 1 if metric.better == "lower" else -1
    ranks: dict[str, list[float]] = {s: [] for s in values}
    for column in zip(*values.values(), strict=True):
        for strategy, value in zip(values, column, strict=True):
            better = sum(sign * (v - value) < -statistics.ROUNDING for v in column)
            equal = sum(abs(v - value) <= statistics.ROUNDING for v in column)
            ranks[strategy].append(better + (equal + 1) / 2)
    return {strategy: fmean(r) for strategy, r in ranks.items()}


def _bars(cells: Sequence[Cell]) -> Iterator[tuple[int, int]]:
    """The longest runs of places in which no two are parted; places alone are none."""
    pairs = list(combinations(range(len(cells)), 2))
    adjusted = statistics.holm([_p(cells[i], cells[j]) for i, j in pairs])
    apart = {pair for pair, p in zip(pairs, adjusted, strict=True) if p is not None and p < LEVEL}
    reached = -1
    for i in range(len(cells)):
        j = i
        while j + 1 < len(cells) and not any((k, j + 1) in apart for k in range(i, j + 1)):
            j += 1
        if j > reached and j > i:
            yield i, j
        reached = max(reached, j)


def _p(a: Cell, b: Cell) -> float | None:
    return statistics.p_value([a.values[s] - b.values[s] for s in a.values if s in b.values])
