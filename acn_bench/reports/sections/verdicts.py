"""The verdict on each claim of the card, group by group."""

from collections import Counter
from collections.abc import Iterator, Sequence

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison, Outcome, Verdict
from acn_bench.analysis.groups import Difference, arm_title
from acn_bench.catalog import Claim
from acn_bench.reports import views
from acn_bench.reports.model import Cell, Column, Note, Rows, Section, Strip, Table
from acn_bench.reports.sections.section import ReportSection

OUTCOMES: tuple[Outcome, ...] = ("holds", "reversed", "undecided", "no verdict")


def build(comparison: Comparison) -> Section | None:
    """One table a claim; None without a card or claims."""
    claims = comparison.claims
    if not claims:
        return None
    how = Note(_how(comparison), "how")
    return Section("verdicts", "Verdicts", (how, *(_claim(comparison, claim) for claim in claims)))


def _how(comparison: Comparison) -> str:
    several = len(comparison.baselines) > 1
    family = views.family(comparison)
    corrected = (
        " The verdict takes no account of how many there are; p by Holm's correction, over "
        f"{family} as one family, stands behind the uncorrected p, with whether the verdict survives it at 0.05."
    )
    return (
        "A claim holds, or is reversed, where the whole 95 % t-interval of the paired difference "
        f"{'AC − the other arm' if several else 'AC − residual'} lies on one side of zero; otherwise it is "
        f"undecided. Pairs share all seeds and every setting but the wiring{' and the scheme' if several else ''}. "
        "p is that of the paired t-test, or of the sign test where all pairs differ by the same amount."
        f"{corrected if family else ''}"
    )


def _claim(comparison: Comparison, claim: Claim) -> Table:
    verdicts = comparison.of_claim(claim.name)
    reach = max([abs(v) for verdict in verdicts for v in _ends(verdict.difference)], default=1.0)
    corrected = bool(views.family(comparison))
    rows = tuple(_row(v, reach, corrected) for v in verdicts if v.difference)
    return Table(
        _columns(claim, verdicts, corrected) if rows else (),
        (Rows(rows),) if rows else (),
        title=claim.statement,
        aside=tally(verdicts),
        notes=(*_unpaired(verdicts), *_notes(comparison, claim, verdicts)),
        look="claim",
    )


def tally(verdicts: Sequence[Verdict]) -> str:
    """A claim's verdicts counted: "holds in 3, undecided in 1 of 4 groups"."""
    count = Counter(v.outcome for v in verdicts)
    words = [f"{outcome} in {count[outcome]}" for outcome in OUTCOMES if count[outcome]]
    return f"{', '.join(words)} of {wording.plural(len(verdicts), 'group')}" if words else "not run"


def _columns(claim: Claim, verdicts: Sequence[Verdict], corrected: bool) -> tuple[Column, ...]:
    unit = wording.UNITS[verdicts[0].metric.unit].difference
    return (
        Column("Group"),
        Column("Verdict", "text"),
        Column("AC", style="ac"),
        Column(arm_title(claim.against), style=views.arm_style(claim.against)),
        Column(f"difference,\n{unit}"),
        Column(f"95 % interval,\n{'p → by Holm' if corrected else 'p'}"),
        Column("AC less | more", "strip"),
        Column("AC better\nin seeds"),
    )


def _row(verdict: Verdict, reach: float, corrected: bool) -> tuple[Cell, ...]:
    d, metric = verdict.difference, verdict.metric
    assert d is not None
    cells = [verdict.group.cell(arm, metric.name) for arm in ("ac", verdict.claim.against)]
    reason = verdict.reason.removesuffix(": no verdict")
    after = views.after_correction(verdict) if corrected else ""
    seeds = verdict.seeds_to_decide
    would = f"{seeds:,} seeds would decide" if seeds else ""
    return (
        Cell(verdict.group.label),
        Cell(
            verdict.outcome,
            views.beside(verdict, reason or after or would),
            views.badge([verdict], verdict.outcome),
        ),
        *(Cell(views.cell(metric, cell, d.n)) for cell in cells),
        Cell(views.change(metric.unit, d)),
        _interval(verdict, d, corrected),
        Cell("", strip=Strip(d.mean, d.interval, reach)),
        Cell(views.wins(d)),
    )


def _interval(verdict: Verdict, d: Difference, corrected: bool) -> Cell:
    """The interval, and below it the p-values."""
    interval = wording.bracket(verdict.metric.unit, d.mean, d.interval)
    if interval == wording.NONE:
        return Cell(interval)
    p = views.p_value(d.p)
    tested = f"{p} → {views.p_value(verdict.adjusted)}" if corrected and p != wording.NONE else p
    return Cell(interval, tested)


def _unpaired(verdicts: Sequence[Verdict]) -> Iterator[Note]:
    """The groups without a pair, each reason once."""
    reasons: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.difference is None:
            reasons.setdefault(verdict.reason, []).append(verdict.group.label)
    for reason, groups in reasons.items():
        yield Note(f"{wording.listed(groups)}: {reason}.", badge="no verdict")


def _notes(comparison: Comparison, claim: Claim, verdicts: Sequence[Verdict]) -> Iterator[Note]:
    if verdicts:
        metric, against = verdicts[0].metric, arm_title(claim.against)
        yield Note(
            f"{metric.title}: {metric.definition}. AC and {against}: mean ± standard deviation over seeds."
        )
    yield from (Note(f"{sentence}.") for sentence in comparison.not_run)
    yield Note(f"Claimed in: {claim.source}.")


def _ends(difference: Difference | None) -> tuple[float, ...]:
    if difference is None:
        return ()
    return difference.interval or (difference.mean,)


VERDICTS = ReportSection("verdicts", 10, build)
