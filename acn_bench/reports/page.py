"""Comparison -> one HTML page that stands alone: no script, no request, the same bytes every time."""

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import jinja2
from markupsafe import Markup

from acn_bench import wording
from acn_bench.analysis import presets, published
from acn_bench.analysis.caveats import caveats, not_comparable
from acn_bench.analysis.comparison import Comparison, Verdict
from acn_bench.analysis.groups import Difference, arm_title
from acn_bench.benchmarks.continual import fairness
from acn_bench.catalog import Claim
from acn_bench.reports import experiment, views
from acn_bench.reports.figures import pairs
from acn_bench.reports.figures.style import Drawing
from acn_bench.reports.ledger import ledger

_TEMPLATE = Path(__file__).with_name("page.html.j2")


def render(comparison: Comparison) -> str:
    """The whole page. It depends on the records and the card alone: no clock, no paths, no host."""
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(**_content(comparison)).strip() + "\n"


def _content(comparison: Comparison) -> dict[str, Any]:
    kind = comparison.kind
    fair = fairness.fairness(comparison)
    return {
        "benchmark": comparison.benchmark,
        "card": comparison.card,
        "setting": experiment.description(comparison),
        "not_comparable": list(not_comparable(comparison)),
        "claims": _claims(comparison),
        "family": views.family(comparison),
        "not_run": comparison.not_run,
        "caveats": [s for s in caveats(comparison) if s not in set(not_comparable(comparison))],
        "departures": presets.departures(comparison),
        "overview": views.overview(comparison),
        "arms": [(arm_title(arm), _style(arm)) for arm in comparison.arms],
        "quality": [
            (group.label, views.runs(group), views.quality(comparison, group))
            for group in comparison.groups
        ],
        "differences": views.differences(comparison),
        "rivals": comparison.baselines,
        "hero": _drawn(_lead_figure(comparison)),
        "figures": [_drawn(figure) for figure in _figures(comparison).draw(comparison) if figure],
        "published": _published(comparison),
        "fairness": fair,
        "fairness_said": fairness.views_run(comparison),
        "fair": list(fairness.definitions(fair)),
        "fairness_titles": [views.metric_title(m) for m in fairness.shown(comparison)],
        "cost_columns": views.cost_columns(comparison),
        "costs": [
            (
                group.label,
                views.runs(group),
                [
                    (a.title, _style(a.name), views.cost(comparison, group, a.name))
                    for a in group.arms.values()
                ],
            )
            for group in comparison.groups
        ],
        "ledger": ledger(comparison),
        "ledger_caption": views.LEDGER_CAPTION,
        "metrics": [
            (views.metric_title(m), m.definition, m.source)
            for m in (*kind.table("quality"), *kind.table("cost"))
        ],
        "provenance": list(views.provenance(comparison)),
        "guards": views.guards(comparison),
        "run_columns": views.run_columns(comparison),
        "runs": [
            (r.run_id, r.provenance.code[:8], views.seeds(r), views.run(r))
            for r in comparison.records
        ],
    }


def _figures(comparison: Comparison) -> ModuleType:
    return importlib.import_module(comparison.kind.figures)


def _lead_figure(comparison: Comparison) -> Drawing | None:
    """The figure that a reader sees first: one metric, seed by seed."""
    drawn = (pairs.draw(comparison, name) for name in _figures(comparison).LEAD)
    return next((figure for figure in drawn if figure is not None), None)


def _style(arm: str) -> str:
    """The class of an arm's words: its colour, for the two that every benchmark has."""
    return arm if arm in ("ac", "residual") else ""


def _drawn(figure: Drawing | None) -> dict[str, Any] | None:
    if figure is None:
        return None
    parts = [(part.heading, Markup(part.svg), part.alt) for part in figure.parts]
    return {"name": figure.name, "title": figure.title, "caption": figure.caption, "parts": parts}


# ---------------------------------------------------------------- verdicts


def _claims(comparison: Comparison) -> list[dict[str, Any]]:
    claims = comparison.card.claim if comparison.card else ()
    return [_claim(claim, comparison.of_claim(claim.name)) for claim in claims]


def _claim(claim: Claim, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    reach = max([abs(v) for verdict in verdicts for v in _ends(verdict.difference)], default=1.0)
    metric = verdicts[0].metric if verdicts else None
    return {
        "statement": claim.statement,
        "source": claim.source,
        "against": arm_title(claim.against),
        "style": _style(claim.against),
        "metric": metric,
        "unit": wording.UNITS[metric.unit].difference if metric else "",
        "tally": views.tally(verdicts),
        "rows": [_verdict(verdict, reach) for verdict in verdicts if verdict.difference],
        "unpaired": _unpaired(verdicts),
    }


def _unpaired(verdicts: Sequence[Verdict]) -> list[tuple[str, str]]:
    """(reason, groups) of those that cannot speak to a claim, so that a reason is said once."""
    reasons: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.difference is None:
            reasons.setdefault(verdict.reason, []).append(verdict.group.label)
    return [(reason, wording.listed(groups)) for reason, groups in reasons.items()]


def _verdict(verdict: Verdict, reach: float) -> dict[str, Any]:
    d, metric = verdict.difference, verdict.metric
    cells = {a: verdict.group.cell(a, metric.name) for a in ("ac", verdict.claim.against)}
    return {
        "group": verdict.group.label,
        "outcome": verdict.outcome,
        "style": verdict.outcome.replace(" ", "-"),
        "reason": verdict.reason.removesuffix(": no verdict"),
        "ac": views.cell(metric, cells["ac"], d.n if d else None),
        "other": views.cell(metric, cells[verdict.claim.against], d.n if d else None),
        "difference": views.change(metric.unit, d),
        "interval": wording.bracket(metric.unit, d.mean, d.interval) if d else wording.NONE,
        "p": views.p_value(d.p if d else None),
        "adjusted": views.p_value(verdict.adjusted),
        "after": views.after_correction(verdict),
        "strip": _strip(d, reach),
        "n": str(d.n) if d else wording.NONE,
        "wins": views.wins(d),
    }


def _ends(difference: Difference | None) -> tuple[float, ...]:
    if difference is None:
        return ()
    return difference.interval or (difference.mean,)


def _strip(difference: Difference | None, reach: float) -> Markup:
    """A tiny interval around zero, on the same scale in all rows of a claim."""
    if difference is None:
        return Markup("")
    half, middle = 58, 62

    def x(value: float) -> str:
        return f"{middle + half * value / (reach or 1.0):.1f}"

    bar = ""
    if difference.interval:
        low, high = difference.interval
        bar = f'<path d="M{x(low)} 8H{x(high)}" stroke="#1f2430" stroke-width="2.2"/>'
    fill = "#1f2430" if difference.interval else "#ffffff"
    return Markup(
        '<svg class="strip" width="124" height="16" viewBox="0 0 124 16" aria-hidden="true">'
        f'<path d="M{middle} 1V15" stroke="#9aa1ac" stroke-width="1"/>{bar}'
        f'<circle cx="{x(difference.mean)}" cy="8" r="3.6" fill="{fill}" stroke="#1f2430" '
        'stroke-width="1.2"/></svg>'
    )


# ---------------------------------------------------------------- published figures


def _published(comparison: Comparison) -> list[dict[str, Any]]:
    """Groups with the same deviations stand together, so that these are said once."""
    parted: dict[tuple[tuple[str, ...], tuple[str, ...]], list[published.PublishedComparison]] = {}
    for entry in published.beside(comparison):
        parted.setdefault((entry.deviations, entry.open), []).append(entry)
    return [
        {
            "same_stream": entries[0].same_stream,
            "deviations": deviations,
            "open": open_settings,
            "groups": [(e.group.label, list(_rows(e))) for e in entries],
        }
        for (deviations, open_settings), entries in parted.items()
    ]


def _rows(entry: published.PublishedComparison) -> Iterator[dict[str, str]]:
    """The arms of one metric after the other, then their difference."""
    for metric in entry.metrics:
        yield from (_row(entry, row) for row in entry.rows if row.published.metric == metric)
        yield from (_gap(entry, gap) for gap in entry.gaps(metric))


def _gap(entry: published.PublishedComparison, gap: published.Gap) -> dict[str, str]:
    metric, d = entry.group.kind.metric(gap.metric), gap.ours
    unit = metric.unit
    ours = (
        f"{views.change(unit, d)} {wording.bracket(unit, d.mean, d.interval)}"
        if d
        else wording.NONE
    )
    return {
        "metric": views.metric_title(metric),
        "arm": f"AC − {arm_title(gap.against)}",
        "style": "",
        "theirs": wording.change(unit, gap.published),
        "ours": ours.removesuffix(f" {wording.NONE}"),
        "n": str(d.n) if d else wording.NONE,
        "gap": "",
        "source": "",
    }


def _row(entry: published.PublishedComparison, row: published.Row) -> dict[str, str]:
    p = row.published
    metric = entry.group.kind.metric(p.metric)
    unit = metric.unit
    return {
        "metric": views.metric_title(metric),
        "arm": arm_title(p.wiring),
        "style": _style(p.wiring),
        "theirs": wording.shown(unit, p.mean, p.spread),
        "ours": wording.shown(unit, row.ours.mean, row.ours.spread),
        "n": str(row.ours.n),
        "gap": wording.NONE
        if row.ours.mean is None
        else wording.change(unit, row.ours.mean - p.mean, _as_interval(p.spread)),
        "source": p.source,
    }


def _as_interval(spread: float | None) -> tuple[float, float] | None:
    return None if spread is None else (-spread, spread)
