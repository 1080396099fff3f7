"""[Record] -> Comparison: AC and residual, paired by everything but the wiring.

Records whose configs differ in anything else than the wiring and the seeds, or that other code
made, stand in different groups and are never averaged. Within a group, arms are compared seed by
seed; what only one arm has been run with is no part of a difference.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import msgspec

from acn_bench import catalog, wording
from acn_bench.analysis import power, statistics
from acn_bench.analysis.acting import Acting, acting
from acn_bench.analysis.groups import Difference, Group, arm_order, arm_title, grouped, repeats
from acn_bench.analysis.metric import Metric
from acn_bench.catalog import BenchmarkCard, Claim
from acn_bench.config import Seeds
from acn_bench.record import Record
from acn_bench.spec import VARIANTS

if TYPE_CHECKING:
    from acn_bench.benchmarks.kind import Kind

Outcome = Literal["holds", "reversed", "undecided", "no verdict"]

SEEDS = tuple(f.name for f in msgspec.structs.fields(Seeds))


@dataclass(frozen=True)
class Verdict:
    """The outcome of one claim in one group."""

    claim: Claim
    group: Group
    outcome: Outcome
    reason: str  # why there is no verdict; empty where there is one
    difference: Difference | None
    # p-value of the difference after Holm's correction over all verdicts of the comparison; None untested
    adjusted: float | None = None
    acting: Acting | None = None  # the group's strategy against naive; None where that is not known

    @property
    def survives(self) -> bool:
        """Whether Holm's correction leaves a verdict decided."""
        return self.adjusted is not None and self.adjusted < 1 - statistics.CONFIDENCE

    @cached_property
    def seeds_to_decide(self) -> int | None:
        """How many seeds would decide an undecided verdict at the effect seen; None for another, or for too many."""
        if self.outcome != "undecided" or self.difference is None:
            return None
        return power.seeds_to_decide(list(self.difference.values.values()))

    @property
    def metric(self) -> Metric:
        """The claim's metric."""
        return self.group.kind.metric(self.claim.metric)


@dataclass(frozen=True)
class Comparison:
    """The groups of one benchmark and the verdicts on its claims."""

    benchmark: str
    card: BenchmarkCard | None
    groups: tuple[Group, ...]
    acting: tuple[Acting | None, ...]  # the strategy of each group against naive
    verdicts: tuple[Verdict, ...]  # by claim in the card's order, then by group
    not_run: tuple[str, ...]  # sentences on variants that stand alone
    seeds: str  # a sentence: which of the four seeds varied
    repeats: tuple[tuple[Record, Record], ...]  # (older, newest): runs that were made again

    @property
    def kind(self) -> "Kind":
        """The kind of the benchmark."""
        return self.groups[0].kind

    @property
    def claims(self) -> Sequence[Claim]:
        """Of its card; none without one."""
        return self.card.claim if self.card else ()

    @cached_property
    def records(self) -> list[Record]:
        """Of all groups, in their order."""
        return [r for group in self.groups for r in group.records]

    @cached_property
    def arms(self) -> list[str]:
        """The arms of any group: AC and residual first."""
        return sorted({a for g in self.groups for a in g.arms}, key=arm_order)

    @cached_property
    def baselines(self) -> list[str]:
        """The arms of any group that AC is compared with, residual first."""
        return sorted({a for g in self.groups for a in g.baselines}, key=arm_order)

    def of_claim(self, claim: str) -> list[Verdict]:
        """The verdicts on one claim."""
        return [v for v in self.verdicts if v.claim.name == claim]


# ---------------------------------------------------------------- the comparison


def compare(records: Sequence[Record], card: BenchmarkCard | None = None) -> Comparison:
    """Pair the records of one benchmark and judge the card's claims.

    Of two records of the same run by the same code, the later in the sequence counts. Raises ValueError for no
    records, for records of several benchmarks, and for a claim about a metric that is not known.
    """
    names = sorted({r.config.benchmark.name for r in records})
    if len(names) != 1:
        raise ValueError(
            f"a comparison is of one benchmark; these records are of {names or 'none'}"
        )
    groups = grouped(records)
    if card:
        catalog.check_claims(card)
    claims = card.claim if card else ()
    effects = tuple(acting(group, groups) for group in groups)
    verdicts = [
        replace(verdict(claim, group), acting=effect)
        for claim in claims
        for group, effect in zip(groups, effects, strict=True)
        if not claim.strategies or group.strategy in claim.strategies
    ]
    return Comparison(
        names[0],
        card,
        groups,
        effects,
        tuple(_corrected(verdicts)),
        tuple(_not_run(groups)),
        seeds_varied(records),
        repeats(records),
    )


def _corrected(verdicts: Sequence[Verdict]) -> Iterator[Verdict]:
    """The verdicts with adjusted p-values: all that are one (claims × groups) are one family."""
    judged = [v for v in verdicts if v.outcome != "no verdict"]
    adjusted = statistics.holm([v.difference.p if v.difference else None for v in judged])
    by_place = {id(v): p for v, p in zip(judged, adjusted, strict=True)}
    yield from (replace(v, adjusted=by_place.get(id(v))) for v in verdicts)


def verdict(claim: Claim, group: Group) -> Verdict:
    """Whether the whole 95 % interval of AC less the claim's other arm lies on its side of zero.

    Where all pairs differ equally the interval is a point, and the sign test decides.
    """
    difference = group.difference(claim.metric, claim.against)
    reason = _no_verdict(claim, group, difference)
    if reason or difference is None or difference.interval is None:
        return Verdict(claim, group, "no verdict", reason, difference)
    outcome: Outcome = "undecided"
    if difference.p is not None and difference.p < 1 - statistics.CONFIDENCE:
        lies = "lower" if difference.mean < 0 else "higher"
        outcome = "holds" if claim.direction == lies else "reversed"
    return Verdict(claim, group, outcome, "", difference)


def _no_verdict(claim: Claim, group: Group, difference: Difference | None) -> str:
    """Why a group gives no verdict on a claim; empty where it gives one."""
    missing = [arm_title(arm) for arm in ("ac", claim.against) if arm not in group.arms]
    if missing:
        return f"{wording.listed(missing)} not run"
    if difference is not None:
        return "one seed: no verdict" if difference.n == 1 else _not_matched(claim, group)
    if not set(group.arms["ac"].seeds) & set(group.arms[claim.against].seeds):
        return f"AC and {arm_title(claim.against)} share no seed"
    metric = group.kind.metric(claim.metric)
    return f"{metric.title.lower()} has no value in any pair: {metric.why_not(group.records[0])}"


def _not_matched(claim: Claim, group: Group) -> str:
    """Which runs the protocol does not compare; empty where it compares all."""
    unmatched = []
    for arm in ("ac", claim.against):
        runs = group.arms[arm].records
        short = sum(not group.kind.matched(r) for r in runs)
        if short:
            unmatched.append(f"{short} of {wording.plural(len(runs), 'run')} of {arm_title(arm)}")
    return f"not matched: {wording.listed(unmatched)}" if unmatched else ""


def seeds_varied(records: Sequence[Record]) -> str:
    """Which of the four seeds varied over the records, and how."""
    values = {name: sorted({getattr(r.config.seeds, name) for r in records}) for name in SEEDS}
    varied = [name for name in SEEDS if len(values[name]) > 1]
    fixed = [name for name in SEEDS if name not in varied]
    together = all(len({getattr(r.config.seeds, n) for n in varied}) == 1 for r in records)
    if not varied and len({values[n][0] for n in SEEDS}) == 1:
        return f"{wording.listed(list(SEEDS))} all at {values[SEEDS[0]][0]}"
    parts = []
    if varied:
        how = ", together" if together and len(varied) > 1 else ""
        same = len({tuple(values[n]) for n in varied}) == 1
        which = (
            _numbers(values[varied[0]])
            if same
            else "; ".join(f"{n} {_numbers(values[n])}" for n in varied)
        )
        parts.append(f"{wording.listed(varied)} varied{how} ({which})")
    if fixed:
        which = wording.listed([f"{n} at {values[n][0]}" for n in fixed])
        parts.append(f"fixed: {which}")
    return "; ".join(parts)


def _not_run(groups: Sequence[Group]) -> Iterator[str]:
    """A sentence for each variant that was left out where another one was run."""
    run: dict[tuple[str, str], set[str | None]] = {}
    for group in groups:
        if group.family:
            run.setdefault((group.family, group.strategy), set()).add(group.variant)
    missing: dict[tuple[str, str], list[str]] = {}
    for (family, strategy), variants in run.items():
        for other in VARIANTS:
            if other not in variants:
                missing.setdefault((family, other), []).append(strategy)
    for (family, variant), strategies in missing.items():
        named = [s for s in strategies if s]  # none where nothing can be forgotten
        strategies_run = f" with {wording.listed(named)}" if named else ""
        yield f"{family}, {variant} variant: not run{strategies_run}"


def _numbers(values: Sequence[int]) -> str:
    """Seeds in words: "0 – 4", "0, 2, 7"."""
    if len(values) > 2 and list(values) == list(range(values[0], values[-1] + 1)):
        return f"{values[0]} – {values[-1]}"
    return ", ".join(str(v) for v in values)
