"""Comparison -> rows of words: what the page and the text tables show, in the same words."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from acn_bench import wording
from acn_bench.analysis import caveats
from acn_bench.analysis.comparison import Comparison, Outcome, Verdict
from acn_bench.analysis.groups import Cell, Difference, Group, arm_title, kind_of
from acn_bench.analysis.metric import Metric
from acn_bench.record import Record
from acn_bench.wording import each

OUTCOMES: tuple[Outcome, ...] = ("holds", "reversed", "undecided", "no verdict")
LEDGER_CAPTION = (
    "The same word has several definitions. Each stands here with its formula, its source and where Avalanche, "
    "mammoth, PyCIL or FACIL print it, computed from the same accuracy matrices: R[i][j] is the test accuracy on experience j after "
    "learning experience i, both from 0, of T. Mean ± standard deviation over seeds; the difference is paired by "
    "seed, with its 95 % t-interval."
)
_BOUNDS = {"naive": "floor", "joint": "ceiling"}


@dataclass(frozen=True)
class QualityRow:
    """One metric of one group: the arms' cells in the order of the comparison's arms."""

    metric: str
    cells: tuple[str, ...]
    # (difference, interval, pairs) of each arm that AC is compared with
    against: tuple[tuple[str, str, str], ...]


# ---------------------------------------------------------------- AC beside residual


def cell(metric: Metric, value: Cell, expected: int | None = None) -> str:
    """Mean ± spread; how many seeds it is over, where that is not `expected`."""
    text = wording.shown(metric.unit, value.mean, value.spread)
    return text if value.n in (expected, 0) else f"{text} (n = {value.n})"


def quality(comparison: Comparison, group: Group) -> list[QualityRow]:
    """The rows of one group; metrics that no arm has a value for are left out."""
    rows = [row(comparison, group, metric) for metric in comparison.kind.table("quality")]
    return [r for r in rows if r is not None]


def row(comparison: Comparison, group: Group, metric: Metric) -> QualityRow | None:
    """One metric of one group; None where no arm has a value for it."""
    cells = {arm: group.cell(arm, metric.name) for arm in comparison.arms}
    if not any(c.n for c in cells.values()):
        return None
    return QualityRow(
        metric_title(metric) + guessing(metric, group),
        tuple(cell(metric, c, runs(group)) for c in cells.values()),
        tuple(
            _against(metric, group.difference(metric.name, baseline))
            for baseline in comparison.baselines
        ),
    )


def _against(metric: Metric, difference: Difference | None) -> tuple[str, str, str]:
    """A paired difference, its interval and how many pairs it is over."""
    if difference is None:
        return (wording.NONE,) * 3
    unit = metric.unit
    interval = wording.bracket(unit, difference.mean, difference.interval)
    return change(unit, difference), interval, str(difference.n)


def differences(comparison: Comparison) -> list[str]:
    """Headings of the columns beside the arms': three for one comparison, one each for several."""
    titles = [f"AC {wording.MINUS} {arm_title(baseline)}" for baseline in comparison.baselines]
    return [*titles, "95 % interval", "pairs"] if len(titles) == 1 else titles


def different(against: Sequence[tuple[str, str, str]]) -> list[str]:
    """The cells below `differences`: of several comparisons each in one cell, an interval behind it."""
    if len(against) == 1:
        return list(against[0])
    return [
        f"{change} {interval}" if interval != wording.NONE else change
        for change, interval, _ in against
    ]


def runs(group: Group) -> int:
    """The most seeds that any arm of a group was run with: the n of a cell that says none."""
    return max(len(arm.records) for arm in group.arms.values())


def metric_title(metric: Metric) -> str:
    """Title, unit and which way is better: "Forgetting, points ↓"."""
    arrow = "↓" if metric.better == "lower" else "↑"
    return f"{metric.title}, {wording.UNITS[metric.unit].word}\N{NO-BREAK SPACE}{arrow}"


def guessing(metric: Metric, group: Group) -> str:
    """What guessing would have of an accuracy; with a head each it is the same everywhere, and said once."""
    chance, record = metric.chance, group.records[0]
    value = chance(record) if chance and group.kind.chance_varies(record) else None
    return "" if value is None else f"; guessing {wording.number(100 * value, 1)}"


def change(unit: str, difference: Difference | None) -> str:
    """A mean difference with its sign; an en dash where there is no pair."""
    return (
        wording.change(unit, difference.mean, difference.interval) if difference else wording.NONE
    )


# ---------------------------------------------------------------- side by side


def overview(comparison: Comparison) -> tuple[list[str], list[tuple[str, str, list[str]]]]:
    """(metrics, (group, its part, cells of each metric and arm) …): floor first, ceiling last.

    Empty for one group.
    """
    if len(comparison.groups) < 2:
        return [], []
    shown = [
        metric
        for metric in comparison.kind.table("overview")
        if any(g.cell(a, metric.name).n for g in comparison.groups for a in comparison.arms)
    ]
    rows = [
        (
            group.label,
            _BOUNDS.get(group.strategy, ""),
            [
                cell(m, group.cell(arm, m.name), runs(group))
                for m in shown
                for arm in comparison.arms
            ],
        )
        for group in comparison.groups
    ]
    first = comparison.groups[0]
    return [metric_title(metric) + guessing(metric, first) for metric in shown], rows


# ---------------------------------------------------------------- verdicts


def tally(verdicts: Sequence[Verdict]) -> str:
    """A claim's verdicts counted: "holds in 3 of 4, undecided in 1"."""
    count = Counter(v.outcome for v in verdicts)
    said = [f"{outcome} in {count[outcome]}" for outcome in OUTCOMES if count[outcome]]
    return f"{', '.join(said)} of {wording.plural(len(verdicts), 'group')}" if said else "not run"


def wins(difference: Difference | None) -> str:
    """In how many pairs AC is better: "3 of 3", "1 of 3, 1 tie"."""
    if difference is None:
        return wording.NONE
    ties = f", {wording.plural(difference.ties, 'tie')}" if difference.ties else ""
    return f"{difference.wins} of {difference.n}{ties}"


def p_value(p: float | None) -> str:
    """Two significant digits; an en dash where there is no p-value."""
    if p is None:
        return wording.NONE
    if p < 0.0005:
        return "< 0.001"
    return f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"


def after_correction(verdict: Verdict) -> str:
    """What Holm's correction leaves of a verdict that is decided; empty where nothing was."""
    if verdict.outcome not in ("holds", "reversed"):
        return ""
    return "survives Holm" if verdict.survives else "not after Holm"


def family(comparison: Comparison) -> str:
    """What is corrected as one: "12 verdicts (3 claims × groups)"; empty for fewer than two verdicts."""
    judged = [v for v in comparison.verdicts if v.outcome != "no verdict"]
    if len(judged) < 2:
        return ""
    claims = len({v.claim.name for v in judged})
    return f"all {len(judged)} verdicts of this report ({wording.plural(claims, 'claim')} × groups)"


def sentence(verdict: Verdict) -> str:
    """A verdict as one line of text."""
    d, unit = verdict.difference, wording.UNITS[verdict.metric.unit].difference
    if verdict.outcome == "no verdict" or d is None:
        known = f" ({change(verdict.metric.unit, d)} {unit})" if d else ""
        return f"no verdict: {verdict.reason.removesuffix(': no verdict')}{known}"
    interval = wording.bracket(verdict.metric.unit, d.mean, d.interval)
    return (
        f"{verdict.outcome}: {change(verdict.metric.unit, d)} {unit}, 95 % interval {interval}, "
        f"n = {d.n}, AC better in {wins(d)}{_tested(verdict)}"
    )


def _tested(verdict: Verdict) -> str:
    """The p-values behind a verdict: ", p = 0.021, 0.063 by Holm: not after Holm"."""
    if verdict.difference is None or verdict.difference.p is None:
        return ", no p-value: no pair differs"
    p, adjusted = p_value(verdict.difference.p), p_value(verdict.adjusted)
    after = after_correction(verdict)
    sign = "" if p.startswith("<") else "= "
    return f", p {sign}{p}, by Holm {adjusted}{f': {after}' if after else ''}"


# ---------------------------------------------------------------- cost


def cost_columns(comparison: Comparison) -> list[tuple[Metric, str]]:
    """(metric, heading) of the columns of the cost table; those at utilised depth share their neighbour's."""
    shared = {"parameters_utilised", "flops_utilised"}
    metrics = [m for m in comparison.kind.table("cost") if m.name not in shared]
    columns = [(m, f"{m.title}, {m.unit}") for m in metrics]
    return [(m, heading.replace(", images", "")) for m, heading in columns]


def cost(comparison: Comparison, group: Group, arm: str) -> list[str]:
    """The cells of one arm's row: full size, then → at utilised depth where there is one."""
    cells = []
    for metric, _ in cost_columns(comparison):
        text = cell(metric, group.cell(arm, metric.name), runs(group))
        if metric.name in ("parameters", "flops"):
            cut = group.cell(arm, f"{metric.name}_utilised")
            text = f"{text} → {wording.shown(metric.unit, cut.mean)}" if cut.n else text
        cells.append(text)
    return cells


# ---------------------------------------------------------------- runs


def run_columns(comparison: Comparison) -> list[str]:
    """The metrics of the appendix, one column each."""
    return [metric_title(metric) for metric in comparison.kind.table("runs")]


def run(record: Record) -> list[str]:
    """One run's metrics; depths are whole numbers here."""
    cells = []
    for metric in kind_of(record).table("runs"):
        value, unit = metric.of(record), metric.unit
        whole = unit == "blocks" and value is not None
        cells.append(f"{value:.0f}" if whole else wording.shown(unit, value))
    return cells


def seeds(record: Record) -> str:
    """Order, init, data, noise; one number where they are all the same."""
    return record.config.seeds.joined(", ")


# ---------------------------------------------------------------- provenance


def provenance(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """What made the records, as (word, values), each value once."""
    made = [r.provenance for r in comparison.records]
    times = sorted(p.time for p in made)
    yield "Runs", str(len(made))
    yield "Made", wording.span(times[0], times[-1])
    yield "Code", each(p.code[:16] for p in made)
    yield "Commit", each(p.commit or "not known" for p in made)
    yield "Device", each(p.device for p in made)
    yield "Precision", each(r.result.precision for r in comparison.records)
    packages = sorted({package for p in made for package in p.versions})
    for package in packages:
        yield package, each(p.versions.get(package, "none") for p in made)
    yield "Data", each(map(caveats.data_titles, comparison.records))
    prints = ("+".join(d.fingerprint for d in p.datasets) for p in made)
    yield "Data fingerprint", each(prints)


def guards(comparison: Comparison) -> list[tuple[str, str, str]]:
    """(name, how many passed, details) of each check that ran; failures' details come first."""
    ran: dict[str, list[tuple[bool, str]]] = {}
    for record in comparison.records:
        for guard in record.provenance.guards:
            ran.setdefault(guard.name, []).append((guard.passed, guard.detail))
    rows = []
    for name, outcomes in ran.items():
        passed = sum(ok for ok, _ in outcomes)
        details = dict.fromkeys(detail for _, detail in sorted(outcomes, key=lambda o: o[0]))
        words = list(details)[:3] + ([f"and {len(details) - 3} more"] if len(details) > 3 else [])
        rows.append((name, f"{passed} of {len(outcomes)} passed", "; ".join(words)))
    return rows
