"""What a report answers, on its first screen: each claim in one row, on which data, and what speaks against it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from acn_bench import catalog, wording
from acn_bench.analysis import caveats, depth_metrics
from acn_bench.analysis.comparison import Comparison, Outcome, Verdict
from acn_bench.analysis.groups import Difference, arm_title
from acn_bench.catalog import Claim
from acn_bench.reports import views
from acn_bench.reports.model import Cell, Column, Note, Rows, Section, Table
from acn_bench.reports.sections.section import ReportSection
from acn_bench.reports.sections.verdicts import OUTCOMES
from acn_bench.wording import plural

SHOWN = 3  # strategies that are explained
FEW = 3  # seeds: up to so many, an interval rests on next to nothing
FEW_GROUPS = 2  # up to so many stand for themselves; more have a median

COLUMNS = (
    Column("Claim", "text"),
    Column("Verdict", "text"),
    Column("AC − other", "text"),
    Column("Seeds", "text"),
    Column("What speaks against it", "text"),
)
_HOW = (
    "AC is an auto-compressing network: each block reads the block before it alone, and the head reads the sum of all "
    "blocks. In a residual network each block reads the sum of all before it. A group is one setting; its runs differ in "
    "the network and in the seed, the start of their random numbers, alone. The difference is the mean over seeds of AC "
    "less the other network; points are percentage points. A claim holds where the whole 95\N{NO-BREAK SPACE}% interval lies on its side of zero, is "
    "reversed where it lies on the other side, and is undecided where it includes zero. Holm's correction allows for the "
    "number of verdicts: with many, some hold by chance."
)
_VARIANTS = " Two kinds of block: plain is the textbook's, released that of the ACN authors' code."


def build(comparison: Comparison) -> Section:
    """One row a claim; without a card what was compared, alone."""
    rows = tuple(row for claim in comparison.claims if (row := row_of(comparison, claim)))
    warnings = (Note(s, "warning") for s in caveats.not_comparable(comparison))
    compared = Note(_compared(comparison))
    if not rows:
        return Section("answers", "", (compared, *warnings))
    several = {"plain", "released"} <= {g.variant for g in comparison.groups}
    how = Note(f"{_HOW}{_VARIANTS if several else ''}", "how")
    table = Table(COLUMNS, (Rows(rows),), look="answer")
    return Section("answers", "", (compared, Note(in_short(comparison)), table, how, *warnings))


def in_short(comparison: Comparison) -> str:
    """How many claims stand, and how many verdicts the correction leaves; in one or two sentences."""
    made = [v for claim in comparison.claims if (v := comparison.of_claim(claim.name))]
    return counted(made, "Holm's correction" if views.family(comparison) else "")


def counted(made: Sequence[Sequence[Verdict]], correction: str) -> str:
    """The same of the verdicts of each claim; `correction` names it, and is empty where it is over no two verdicts."""
    counts = Counter(_standing([v.outcome for v in verdicts]) for verdicts in made)
    parts = [_claims_are(n, *words) for words in _STANDINGS if (n := counts[words])]
    sentence = f"Of {plural(len(made), 'claim')}, {wording.listed(parts)}."
    every = [v for verdicts in made for v in verdicts]
    decided = [v for v in every if v.outcome in ("holds", "reversed")]
    if not decided or not correction:
        return sentence
    judged = sum(v.outcome != "no verdict" for v in every)
    left = sum(v.survives for v in decided) or "none"
    of = f"Of {judged} verdicts, {len(decided)} {'is' if len(decided) == 1 else 'are'} decided"
    return f"{sentence} {of}, {left} also after {correction}."


_STANDINGS = (  # of one claim, of several
    ("holds", "hold"),
    ("holds in some groups", "hold in some groups"),
    ("is mixed", "are mixed"),
    ("is reversed in some groups", "are reversed in some groups"),
    ("is reversed", "are reversed"),
    ("is undecided", "are undecided"),
    ("has no verdict", "have no verdict"),
)


def _standing(outcomes: Sequence[Outcome]) -> tuple[str, str]:
    """One of `_STANDINGS` for the outcomes of all groups of a claim."""
    found = set(outcomes)
    if {"holds", "reversed"} <= found:
        return _STANDINGS[2]
    if "holds" in found:
        return _STANDINGS[0 if len(found) == 1 else 1]
    if "reversed" in found:
        return _STANDINGS[4 if len(found) == 1 else 3]
    return _STANDINGS[5 if "undecided" in found else 6]


def _claims_are(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"


def _compared(comparison: Comparison) -> str:
    """Which arms were compared, on which data, in how many runs."""
    data = wording.each(map(caveats.data_titles, comparison.records))
    strategies = list(dict.fromkeys(g.strategy for g in comparison.groups if g.strategy))
    if len(strategies) <= SHOWN:
        strategies = list(map(_explained, strategies))
    learned = f", {_few(strategies, 'strategies')}" if strategies else ""
    groups = plural(len(comparison.groups), "group")
    runs = plural(len(comparison.records), "run")
    arms = ["AC (auto-compressing)" if a == "ac" else arm_title(a) for a in comparison.arms]
    return f"{wording.listed(arms)} on {data}: {runs} in {groups}{learned}."


def _explained(strategy: str) -> str:
    """A strategy with the beginning of its card's intent: "si (Synaptic Intelligence)"."""
    try:
        intent = catalog.strategy(strategy).intent
    except (LookupError, ValueError):
        return strategy
    title = intent.partition(":")[0].partition(",")[0]
    _, _, second = title.partition(" ")  # of a name, "Synaptic Intelligence", it has a capital
    return f"{strategy} ({title[0].lower() + title[1:] if second[:1].islower() else title})"


def _few(words: Sequence[str], what: str) -> str:
    return wording.listed(list(words)) if len(words) <= 5 else f"{len(words)} {what}"


def row_of(comparison: Comparison, claim: Claim) -> tuple[Cell, ...] | None:
    """A claim over all its groups; None where no group was run for it."""
    verdicts = comparison.of_claim(claim.name)
    if not verdicts:
        return None
    judged = [v for v in verdicts if v.outcome != "no verdict"]
    return (
        Cell(claim.statement),
        outcome(verdicts),
        effect(judged or verdicts),
        _seeds(judged),
        Cell(against(comparison, verdicts)),
    )


def _seeds(judged: Sequence[Verdict]) -> Cell:
    """How many seeds there are, and below it how many would decide what is undecided."""
    would = _range([n for v in judged if (n := v.seeds_to_decide)])
    seeds = _range([v.difference.n for v in judged if v.difference])
    return Cell(seeds, f"{would} needed to decide" if would != wording.NONE else "")


def outcome(verdicts: Sequence[Verdict]) -> Cell:
    """What the groups say together: "holds in 5 of 8", and below it what the others say."""
    count = Counter(v.outcome for v in verdicts)
    if count["holds"] and count["reversed"]:
        words = f"holds in {count['holds']}, reversed in {count['reversed']} of {len(verdicts)}"
        return Cell("mixed", words, "undecided")
    found = next(outcome for outcome in OUTCOMES if count[outcome])
    badge = views.badge([v for v in verdicts if v.outcome == found], found)
    if count[found] == len(verdicts):
        groups = f"in {_of(len(verdicts), len(verdicts))} groups" if len(verdicts) > 1 else ""
        return Cell(found, groups, badge)
    others = [f"{o} in {n}" for o, n in count.items() if o != found]
    return Cell(f"{found} in {count[found]} of {len(verdicts)}", ", ".join(others), badge)


def effect(verdicts: Sequence[Verdict]) -> Cell:
    """The difference and its interval, of one group or of two; of more the median, and all that they span."""
    known = [d for v in verdicts if (d := v.difference)]
    if not known:
        return Cell(wording.NONE)
    unit, word = verdicts[0].metric.unit, wording.UNITS[verdicts[0].metric.unit].difference
    if len(known) <= FEW_GROUPS:
        intervals = [wording.bracket(unit, d.mean, d.interval) for d in known]
        shown = [_unbroken(i) for i in intervals if i != wording.NONE]
        name = f"95\N{NO-BREAK SPACE}% interval{'s' if len(shown) > 1 else ''}"
        changes = wording.listed([views.change(unit, d) for d in known])
        return Cell(f"{changes} {word}", f"{name} {wording.listed(shown)}" if shown else "")
    means = sorted(d.mean for d in known)
    ends = [end for d in known for end in d.interval or (d.mean,)]
    reach = (min(ends), max(ends))
    span = " to ".join(wording.change(unit, m, reach) for m in (means[0], means[-1]))
    middle = wording.change(unit, median(means), (means[0], means[-1]))
    within = f"95\N{NO-BREAK SPACE}% intervals within {_unbroken(wording.bracket(unit, means[0], reach))}"
    return Cell(f"median {middle} {word}", f"{span} in {len(known)} groups; {within}")


def _unbroken(interval: str) -> str:
    """Both ends on one line."""
    return interval.replace(" ", "\N{NO-BREAK SPACE}")


def _range(counts: Sequence[int]) -> str:
    """Their least and their largest, as "5 to 41"; an en dash for none."""
    if not counts:
        return wording.NONE
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def against(comparison: Comparison, verdicts: Sequence[Verdict]) -> str:
    """What speaks against a claim, the gravest first, in one line."""
    chance, acting = _at_chance(verdicts), _undistinguished(verdicts)
    reasons = [
        *chance,
        *acting,
        *_of_the_tested_depth(verdicts),
        *list(_reasons(comparison, verdicts))[:2],
    ]
    return f"{'; '.join(reasons)}" if reasons else "nothing in these records"


def _at_chance(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """The arms that learned nothing: a difference from them says little."""
    judged = [v for v in verdicts if v.outcome != "no verdict"]
    low: Counter[str] = Counter()
    for v in judged:
        arms = [v.group.arms[name] for name in ("ac", v.claim.against) if name in v.group.arms]
        at_chance = [arm.title for arm in arms if depth_metrics.at_chance(arm.records)]
        if at_chance:
            low["neither network is" if len(at_chance) > 1 else f"{at_chance[0]} is not"] += 1
    for words, count in low.items():
        groups = "" if len(judged) == 1 else f" in {_of(count, len(judged))} groups"
        yield f"{words} above the chance level{groups}"


def _undistinguished(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """The strategies that no test distinguishes from naive."""
    judged = [v for v in verdicts if v.outcome != "no verdict"]
    undistinguished = [v for v in judged if v.acting and v.acting.note]
    if undistinguished:
        which = list(dict.fromkeys(v.group.strategy for v in undistinguished))
        words = _few(which, "strategies")
        yield f"{words} not distinguished from naive in {_of(len(undistinguished), len(judged))}"


def _of_the_tested_depth(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """The groups in which depth by tolerance decides, and depth by a paired test of each example does not."""
    by_tolerance, by_test = depth_metrics.UTILISED[0].name, depth_metrics.SUFFICIENT.name
    decided = [v for v in verdicts if v.outcome in ("holds", "reversed")]
    of_depth = [v for v in decided if v.claim.metric == by_tolerance]
    tested = [v.group.difference(by_test, v.claim.against) for v in of_depth]
    intervals = [d for d in tested if d and d.interval]
    if undecided := sum(not _misses_zero(d) for d in intervals):
        groups = "" if len(verdicts) == 1 else f" in {_of(undecided, len(intervals))}"
        yield f"by a paired test of held-out examples the depth is undecided{groups}"


def _reasons(comparison: Comparison, verdicts: Sequence[Verdict]) -> Iterator[str]:
    judged = [v for v in verdicts if v.outcome != "no verdict"]
    if not judged:
        yield from list(dict.fromkeys(v.reason for v in verdicts))[:1]
        return
    yield from _of_tests(comparison, judged)
    failed = [
        g for v in verdicts for r in v.group.records for g in r.provenance.guards if not g.passed
    ]
    if failed:
        yield f"{plural(len(failed), 'guard')} failed"
    most = max(v.difference.n for v in judged if v.difference)
    if most <= FEW:
        yield f"{most} seeds are few"
    if not all(d.canonical for r in comparison.records for d in r.provenance.datasets):
        yield "only a part of the data"


def _of_tests(comparison: Comparison, judged: Sequence[Verdict]) -> Iterator[str]:
    """Groups that are reversed, intervals that hold zero, verdicts that Holm's correction undoes."""
    decided = [v for v in judged if v.outcome != "undecided"]
    if any(v.outcome == "holds" for v in decided):
        yield from (f"reversed in {v.group.label}" for v in decided if v.outcome == "reversed")
    undecided, lost = len(judged) - len(decided), sum(not v.survives for v in decided)
    apart = sum(_misses_zero(v.difference) for v in judged if v.outcome == "undecided")
    if undecided > apart:
        several = f"{_of(undecided - apart, len(judged))} intervals include"
        yield f"{'the interval includes' if len(judged) == 1 else several} zero"
    if apart:
        yield "too few seeds for the sign test"
    if lost and views.family(comparison):
        which = "the verdict" if len(decided) == 1 else f"{_of(lost, len(decided))} verdicts"
        yield f"Holm's correction takes back {which}"


def _misses_zero(difference: Difference | None) -> bool:
    """Whether the interval is apart from zero: a point, which the sign test has to decide."""
    interval = difference.interval if difference else None
    return interval is not None and (interval[0] > 0 or interval[1] < 0)


def _of(part: int, whole: int) -> str:
    every = "both" if whole == 2 else f"all {whole}"
    return every if part == whole else f"{part} of {whole}"


ANSWERS = ReportSection("answers", -20, build)
