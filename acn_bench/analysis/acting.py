"""A strategy's group and naive's -> whether the strategy acts: whether paired tests distinguish it from naive.

A strategy that repeats naive gives naive's verdicts under another name. In each arm the strategy is compared with naive
of the same settings and seeds, by the metrics that its kind names (`Kind.effects`), with the paired t-test and Holm's
correction over all of a group's tests. No difference found does not mean equal: the intervals say how large an effect may be.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from acn_bench.analysis import statistics
from acn_bench.analysis.groups import Cell, Difference, Group, arm_title, difference
from acn_bench.analysis.metric import Metric
from acn_bench.wording import bracket, change, listed

LEVEL = 1 - statistics.CONFIDENCE


@dataclass(frozen=True)
class Effect:
    """A strategy less naive, seed by seed, in one arm and metric."""

    arm: str
    metric: Metric
    difference: Difference
    adjusted: (
        float | None
    )  # p-value by Holm's correction over the group's effects; None where no pair differs

    @property
    def differs(self) -> bool:
        """Whether the test distinguishes it from zero."""
        return self.adjusted is not None and self.adjusted < LEVEL


@dataclass(frozen=True)
class Acting:
    """The effects of one group's strategy, over all arms that naive was run with too."""

    effects: tuple[Effect, ...]

    @property
    def arms(self) -> list[str]:
        """The arms compared."""
        return list(dict.fromkeys(e.arm for e in self.effects))

    @property
    def undistinguished(self) -> list[str]:
        """The arms in which no metric distinguishes the strategy from naive."""
        different = {e.arm for e in self.effects if e.differs}
        return [arm for arm in self.arms if arm not in different]

    @property
    def note(self) -> str:
        """The words beside a verdict; empty where every arm differs from naive."""
        if not self.undistinguished:
            return ""
        where = "" if self.undistinguished == self.arms else f"{_titles(self.undistinguished)} "
        return f"{where}not distinguished from naive"

    @property
    def figures(self) -> str:
        """The effects in the arms that do not differ from naive, each with its interval."""
        words = []
        for metric in dict.fromkeys(e.metric.title for e in self.effects):
            of_metric = [e for e in self.effects if e.metric.title == metric]
            parts = [_figure(e) for e in of_metric if e.arm in self.undistinguished]
            words.append(f"{metric.lower()} {', '.join(parts)}")
        return "; ".join(words)


def acting(group: Group, groups: Iterable[Group]) -> Acting | None:
    """The strategy of `group` against naive among `groups`; None for a bound, and without two shared seeds."""
    strategy = group.config.strategy
    if strategy is None or strategy.bound is not None:
        return None
    naive = [g for g in groups if _is_naive(g) and g.but_strategy == group.but_strategy]
    found = list(_differences(group, naive))
    adjusted = statistics.holm([d.p for _, _, d in found])
    effects = (Effect(*one, p) for one, p in zip(found, adjusted, strict=True))
    return Acting(tuple(effects)) if found else None


def _is_naive(group: Group) -> bool:
    strategy = group.config.strategy
    return strategy is not None and strategy.bound == "lower"


def _differences(group: Group, naive: Sequence[Group]) -> Iterator[tuple[str, Metric, Difference]]:
    """The strategy less naive in each arm and metric, over two shared seeds or more."""
    for name in group.kind.effects:
        metric = group.kind.metric(name)
        for arm in group.arms:
            values = {s: v for g in naive for s, v in g.cell(arm, name).values.items()}
            less = difference(group.cell(arm, name), Cell(values, len(values)), metric.better)
            if less is not None and less.n > 1:
                yield arm, metric, less


def _titles(arms: Sequence[str]) -> str:
    return listed([arm_title(arm) for arm in arms])


def _figure(effect: Effect) -> str:
    d, unit = effect.difference, effect.metric.unit
    words = f"{arm_title(effect.arm)} {change(unit, d.mean, d.interval)}"
    return f"{words} {bracket(unit, d.mean, d.interval)}" if d.interval else words
