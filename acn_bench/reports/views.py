"""Comparison -> cells in words: what several sections and the terminal's table share."""

from collections.abc import Sequence
from dataclasses import dataclass

from acn_bench import wording
from acn_bench.analysis import depth_metrics
from acn_bench.analysis.comparison import Comparison, Outcome, Verdict
from acn_bench.analysis.groups import Cell, Difference, Group, arm_title
from acn_bench.analysis.image_outcomes import RESAMPLES
from acn_bench.analysis.metric import Metric
from acn_bench.analysis.one_pair import interval_over_images
from acn_bench.reports import model
from acn_bench.reports.model import Column, Style

Interval = tuple[float, float]

ONE_PAIR = (
    "There is one pair: its intervals are over the test images, which are the same for both arms (paired percentile "
    f"bootstrap, {RESAMPLES:,} resamples). They say nothing about another training, and decide no "
    "verdict. Records of older versions do not hold the outcome of each image."
)


@dataclass(frozen=True)
class QualityRow:
    """One metric of one group: the arms' cells in the order of the comparison's arms."""

    metric: str
    cells: tuple[str, ...]
    # (difference, interval, pairs) of each arm that AC is compared with
    against: tuple[tuple[str, str, str], ...]
    over_images: bool = False  # its interval is of one pair


# ---------------------------------------------------------------- the arms of one metric


def cell(metric: Metric, value: Cell, expected: int | None = None) -> str:
    """Mean ± spread; how many seeds it is over, where that is not `expected`."""
    return shown(metric.unit, value, expected)


def shown(unit: str, value: Cell, expected: int | None = None) -> str:
    """The same of a row that is no metric."""
    text = wording.shown(unit, value.mean, value.spread)
    return text if value.n in (expected, 0) else f"{text} (n = {value.n})"


def quality(comparison: Comparison, group: Group) -> list[QualityRow]:
    """The rows of one group; metrics without a value for any arm are left out."""
    rows = [row(comparison, group, metric) for metric in comparison.kind.table("quality")]
    return [r for r in rows if r is not None]


def row(comparison: Comparison, group: Group, metric: Metric) -> QualityRow | None:
    """One metric of one group; None where no arm has a value for it."""
    cells = {arm: group.cell(arm, metric.name) for arm in comparison.arms}
    if not any(c.n for c in cells.values()):
        return None
    intervals = {b: _over_images(metric, group, b) for b in comparison.baselines}
    return QualityRow(
        metric_title(metric) + chance_suffix(metric, group),
        tuple(cell(metric, c, runs(group)) for c in cells.values()),
        tuple(
            against(metric.unit, group.difference(metric.name, baseline), interval)
            for baseline, interval in intervals.items()
        ),
        any(intervals.values()),
    )


def _over_images(metric: Metric, group: Group, baseline: str) -> Interval | None:
    """The interval of one pair; None for a metric that is no number of images."""
    return interval_over_images(group, metric.by_image, baseline) if metric.by_image else None


def row_cells(row: QualityRow, heading: str = "") -> tuple[model.Cell, ...]:
    """A row below `arm_columns`, with `heading` in place of the metric where it is given."""
    if len(row.against) == 1:
        differences = [model.Cell(text) for text in row.against[0]]
    else:
        differences = [
            model.Cell(change, interval if interval != wording.NONE else "")
            for change, interval, _ in row.against
        ]
    return (model.Cell(heading or row.metric), *map(model.Cell, row.cells), *differences)


def arm_columns(comparison: Comparison) -> list[Column]:
    """The columns of the arms and of AC less each baseline."""
    arms = [Column(arm_title(arm), style=arm_style(arm)) for arm in comparison.arms]
    return [*arms, *map(Column, differences(comparison))]


def arm_style(arm: str) -> Style:
    """The colour of an arm, for the two that every benchmark has."""
    return "ac" if arm == "ac" else "residual" if arm == "residual" else ""


def against(
    unit: str, difference: Difference | None, over_images: Interval | None = None
) -> tuple[str, str, str]:
    """A paired difference, its interval, over images where it is of one pair, and how many pairs it is over."""
    if difference is None:
        return (wording.NONE,) * 3
    interval = wording.bracket(unit, difference.mean, difference.interval or over_images)
    return change(unit, difference), interval, str(difference.n)


def differences(comparison: Comparison) -> list[str]:
    """Headings of the columns behind the arms': three for one baseline, one each for several."""
    titles = [f"AC {wording.MINUS} {arm_title(baseline)}" for baseline in comparison.baselines]
    return [*titles, "95 % interval", "pairs"] if len(titles) == 1 else titles


def different(against: Sequence[tuple[str, str, str]]) -> list[str]:
    """The cells below `differences` in one line: of several baselines each with its interval."""
    if len(against) == 1:
        return list(against[0])
    return [
        f"{change} {interval}" if interval != wording.NONE else change
        for change, interval, _ in against
    ]


def runs(group: Group) -> int:
    """The most seeds that any arm of a group was run with: the n of a cell that names none."""
    return max(len(arm.records) for arm in group.arms.values())


def metric_title(metric: Metric) -> str:
    """Title, unit and which way is better: "Forgetting, points ↓"."""
    arrow = "↓" if metric.better == "lower" else "↑"
    return f"{metric.title}, {wording.UNITS[metric.unit].word}\N{NO-BREAK SPACE}{arrow}"


def chance_suffix(metric: Metric, group: Group) -> str:
    """The chance level of an accuracy: "; chance level 6.7"; empty where one level holds for all metrics."""
    chance, record = metric.chance, group.records[0]
    value = chance(record) if chance and group.kind.chance_varies(record) else None
    return "" if value is None else f"; chance level {wording.number(100 * value, 1)}"


def change(unit: str, difference: Difference | None) -> str:
    """A mean difference with its sign; an en dash where there is no pair."""
    return (
        wording.change(unit, difference.mean, difference.interval) if difference else wording.NONE
    )


# ---------------------------------------------------------------- verdicts


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


def badge(verdicts: Sequence[Verdict], outcome: Outcome) -> Style:
    """Of verdicts with one outcome: weak where Holm's correction takes all back, or no network is above chance."""
    if outcome not in ("holds", "reversed") or any(map(_is_firm, verdicts)):
        return outcome
    return "weakly holds" if outcome == "holds" else "weakly reversed"


def _is_firm(verdict: Verdict) -> bool:
    arms = (verdict.group.arms[name] for name in ("ac", verdict.claim.against))
    return verdict.survives and not all(depth_metrics.at_chance(arm.records) for arm in arms)


def beside(verdict: Verdict, *words: str) -> str:
    """The words that are not empty, and that no test distinguishes a strategy from naive."""
    note = verdict.acting.note if verdict.acting else ""
    return "; ".join(word for word in (*words, note) if word)


def after_correction(verdict: Verdict) -> str:
    """Whether a decided verdict survives Holm's correction; empty for an undecided one."""
    if verdict.outcome not in ("holds", "reversed"):
        return ""
    return "survives Holm" if verdict.survives else "not after Holm"


def family(comparison: Comparison) -> str:
    """The verdicts that are corrected as one family, in words; empty for fewer than two."""
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
        reason = verdict.reason.removesuffix(": no verdict")
        return beside(verdict, f"no verdict: {reason}{known}")
    interval = wording.bracket(verdict.metric.unit, d.mean, d.interval)
    seeds = verdict.seeds_to_decide
    would = f"; at this effect {seeds:,} seeds would decide" if seeds else ""
    return beside(
        verdict,
        f"{verdict.outcome}: {change(verdict.metric.unit, d)} {unit}, 95 % interval {interval}, "
        f"n = {d.n}, AC better in {wins(d)}{_tested(verdict)}{would}",
    )


def _tested(verdict: Verdict) -> str:
    """The p-values of a verdict: ", p = 0.021, by Holm 0.063: not after Holm"."""
    if verdict.difference is None or verdict.difference.p is None:
        return ", no p-value: no pair differs"
    p, adjusted = p_value(verdict.difference.p), p_value(verdict.adjusted)
    after = after_correction(verdict)
    sign = "" if p.startswith("<") else "= "
    return f", p {sign}{p}, by Holm {adjusted}{f': {after}' if after else ''}"
