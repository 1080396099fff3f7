"""Comparison -> text: a terminal's table, Markdown, LaTeX and CSV."""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO

from acn_bench import wording
from acn_bench.analysis.caveats import caveats
from acn_bench.analysis.comparison import Comparison, Verdict
from acn_bench.analysis.groups import arm_title
from acn_bench.analysis.presets import departures
from acn_bench.benchmarks.continual.fairness import definitions, fairness, shown, views_run
from acn_bench.reports import experiment, views
from acn_bench.reports.ledger import ledger

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "_": r"\_",
    "#": r"\#",
    "$": r"\$",
    "{": r"\{",
    "}": r"\}",
    "±": r"$\pm$",
    wording.MINUS: "$-$",
    wording.NONE: "--",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "→": r"$\to$",
    "≥": r"$\geq$",
    "·": r"$\cdot$",
    "σ": r"$\sigma$",
    "\N{NO-BREAK SPACE}": "~",
    "“": "``",
    "”": "''",
}


def plain(comparison: Comparison) -> str:
    """For a terminal: the verdicts, then one aligned table a group."""
    lines = []
    for claim, verdicts in _claims(comparison):
        lines.append(f"{claim}:")
        lines += [f"  {v.group.label}: {views.sentence(v)}" for v in verdicts]
    for label, n, header, rows in _blocks(comparison):
        lines += ["", f"{label} (n = {n})", *_aligned([header, *rows])]
    return "\n".join(lines).strip() + "\n"


def markdown(comparison: Comparison) -> str:
    """The question, the verdicts, the caveats and one table a group."""
    question = comparison.card.intent if comparison.card else "AC beside residual"
    lines = [f"# {comparison.benchmark}", "", question, ""]
    lines += [f"- {word}: {sentence}" for word, sentence in experiment.description(comparison)]
    for claim, verdicts in _claims(comparison):
        lines += ["", f"## {claim}", ""]
        lines += [f"- {v.group.label}: {views.sentence(v)}" for v in verdicts]
    if found := caveats(comparison):
        lines += ["", "## Read with care", "", *(f"- {sentence}" for sentence in found)]
    for departure in departures(comparison):
        lines += ["", f"## Preset {departure.preset}: what was done otherwise", ""]
        lines += [f"- {sentence}" for sentence in departure.sentences]
    lines += ["", "## AC beside residual", "", f"{_CAPTION}"]
    for label, n, header, rows in _blocks(comparison):
        align = ["---", *["---:"] * (len(header) - 1)]
        lines += ["", f"### {label}, n = {n}", ""]
        lines += [f"| {' | '.join(row)} |" for row in [header, align, *rows]]
    return "\n".join([*lines, *_fairness(comparison), "", *_ledger(comparison)]) + "\n"


def _fairness(comparison: Comparison) -> Iterator[str]:
    """The same comparison at equal epochs, images and seconds, in one table; nothing for a single view."""
    entries = fairness(comparison)
    if not entries:
        return
    said = "; ".join(f"{view}: {words}" for view, words in definitions(entries))
    yield from (
        "",
        "## Three views of fairness",
        "",
        f"{said}. Run here: {views_run(comparison)}.",
        "",
    )
    header = ["Group", "View", "Images seen", "Training, s"]
    for metric in shown(comparison):
        header += [
            f"{views.metric_title(metric)}: AC",
            "residual",
            "AC \N{MINUS SIGN} residual",
            "95 % interval",
        ]
    yield from (f"| {' | '.join(header)} |", f"| --- | --- |{' ---: |' * (len(header) - 2)}")
    for entry in entries:
        for view in entry.views:
            spent = [" / ".join(view.images), " / ".join(view.seconds)]
            cells = [entry.label, view.title, *spent]
            cells += [cell for measure in view.measures for cell in measure]
            yield f"| {' | '.join(cells)} |"


def _ledger(comparison: Comparison) -> Iterator[str]:
    """Every definition: its formula and origin, then one table of all groups."""
    entries = ledger(comparison)
    if not entries:
        return
    arms = [arm_title(arm) for arm in comparison.arms]
    header = ["Definition", "Group", *arms, *views.differences(comparison)]
    yield from ("## Metric ledger", "", f"{views.LEDGER_CAPTION}", "")
    for entry in entries:
        why = "".join(f" *{sentence}.*" for sentence in entry.undefined)
        yield f"- **{entry.metric.title}**: {entry.metric.definition} ({entry.metric.origin}).{why}"
    yield from ("", f"| {' | '.join(header)} |", f"| --- | --- |{' ---: |' * (len(header) - 2)}")
    for entry in entries:
        for label, row in entry.rows:
            cells = [row.metric, label, *row.cells, *views.different(row.against)]
            yield f"| {' | '.join(cells)} |"


def latex(comparison: Comparison) -> str:
    """One `tabular` for all groups, in the style of the package booktabs."""
    blocks = list(_blocks(comparison))
    width = len(blocks[0][2])
    body = []
    for label, n, _, rows in blocks:
        body.append(
            rf"\midrule \multicolumn{{{width}}}{{l}}{{{_tex(label)}, $n = {n}$}} \\ \midrule"
        )
        body += [" & ".join(_tex(c) for c in row) + r" \\" for row in rows]
    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            rf"% {comparison.benchmark}: {_CAPTION}",
            *(f"% {sentence}" for sentence in caveats(comparison)),
            rf"\begin{{tabular}}{{l{'r' * (width - 1)}}}",
            r"\toprule",
            " & ".join(_tex(c) for c in blocks[0][2]) + r" \\",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def comma_separated(comparison: Comparison) -> str:
    """One line for each run and metric, unrounded, in the metric's own scale: shares, blocks, seconds."""
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_CSV)
    for group in comparison.groups:
        for arm in group.arms.values():
            for record in arm.records:
                seeds = record.config.seeds
                for metric in comparison.kind.metrics.values():
                    value = arm.value(record, metric.name)
                    writer.writerow(
                        [
                            *(comparison.benchmark, group.label, group.strategy, arm.name),
                            *(group.family or "", group.variant or "", group.depth or ""),
                            *(seeds.order, seeds.init, seeds.data, seeds.noise),
                            *(metric.name, "" if value is None else f"{value:.9g}"),
                            *(record.run_id, record.provenance.code[:8]),
                            *(record.provenance.data.train, record.provenance.data.test),
                            str(record.provenance.comparable).lower(),
                        ]
                    )
    return buffer.getvalue()


_CAPTION = (
    "Mean ± standard deviation over seeds; the difference is paired by seed, with its 95 % t-interval; "
    "↓ lower is better, ↑ higher is better."
)
_CSV = (
    *("benchmark", "group", "strategy", "wiring", "family", "variant", "depth"),
    *("seed_order", "seed_init", "seed_data", "seed_noise", "metric", "value"),
    *("run_id", "code", "train_rows", "test_rows", "comparable"),
)


def _claims(comparison: Comparison) -> Iterator[tuple[str, list[Verdict]]]:
    for claim in comparison.card.claim if comparison.card else ():
        yield claim.statement, comparison.of_claim(claim.name)


def _blocks(comparison: Comparison) -> Iterator[tuple[str, int, list[str], list[list[str]]]]:
    """(label, n, header, rows) of each group."""
    arms = [arm_title(arm) for arm in comparison.arms]
    header = ["Metric", *arms, *views.differences(comparison)]
    for group in comparison.groups:
        rows = [
            [row.metric, *row.cells, *views.different(row.against)]
            for row in views.quality(comparison, group)
        ]
        yield group.label, views.runs(group), header, rows


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of equal width, the first to the left and the others to the right."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if k else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _tex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
