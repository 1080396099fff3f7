"""[Record] -> report.html, report.pdf and tables of one benchmark. Never loads torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from acn_bench import registry
from acn_bench.analysis.comparison import Comparison, compare
from acn_bench.catalog import BenchmarkCard
from acn_bench.record import Record
from acn_bench.registry import closest
from acn_bench.reports.model import Report
from acn_bench.reports.sections.section import ReportSection
from acn_bench.run_folder import atomic

FORMATS = ("html", "pdf", "md", "latex", "csv")
# format -> the module whose `render` makes it; each is imported on first use (the page's needs Jinja)
_RENDERERS = {
    "html": "acn_bench.reports.html",
    "md": "acn_bench.reports.markdown",
    "latex": "acn_bench.reports.latex",
    "csv": "acn_bench.reports.csv",
}


@dataclass(frozen=True)
class Written:
    """The files that `write` made, and a sentence for each one that it could not make."""

    paths: list[Path]
    notes: list[str]


def write(
    records: Sequence[Record],
    card: BenchmarkCard | None,
    out: Path,
    formats: Sequence[str] = ("html", "pdf"),
) -> Written:
    """Write the report of one benchmark into the folder `out`, as `report.<ending>` for each format.

    CSV makes two files: `report.csv`, every metric of every run, and `report_tables.csv`, the report's tables.
    Each file is whole or absent. Raises ValueError for an unknown format, and what `compare` raises;
    a PDF that nothing here can render is a note, not an error.
    """
    for name in formats:
        if name not in FORMATS:
            raise ValueError(f"unknown format {name!r}. {closest(name, FORMATS)}")
    comparison = compare(records, card)
    page = render(comparison, "html") if {"html", "pdf"} & set(formats) else ""
    paths: list[Path] = []
    notes: list[str] = []
    for name in dict.fromkeys(formats):
        if name == "pdf":
            note = _pdf(page, out / "report.pdf")
            paths += [] if note else [out / "report.pdf"]
            notes += [note] if note else []
            continue
        for file, text in _texts(comparison, name, page).items():
            with atomic(out / file) as part:
                part.write_text(text, encoding="utf-8")
            paths.append(out / file)
    return Written(paths, notes)


def render(comparison: Comparison, name: str) -> str:
    """The report in the format html, md, latex or csv (of which it is the tables)."""
    text: str = import_module(_RENDERERS[name]).render(report(comparison, drawings=name == "html"))
    return text


def report(comparison: Comparison, drawings: bool = True) -> Report:
    """The sections that the kind lists and these records have something for; without `drawings` no figures."""
    listed: Sequence[ReportSection] = registry.load(comparison.kind.sections)
    built = [
        section.build(comparison)
        for section in sorted(listed, key=lambda s: s.order)
        if drawings or not section.draws
    ]
    card = comparison.card
    title = card.intent if card else f"AC compared with residual on {comparison.benchmark}"
    return Report(comparison.benchmark, title, tuple(s for s in built if s is not None))


def _texts(comparison: Comparison, name: str, page: str) -> dict[str, str]:
    """File name -> its text."""
    if name == "html":
        return {"report.html": page}
    if name == "csv":
        from acn_bench.reports import csv

        return {"report.csv": csv.runs(comparison), "report_tables.csv": render(comparison, name)}
    return {f"report.{'tex' if name == 'latex' else name}": render(comparison, name)}


def _pdf(html: str, path: Path) -> str | None:
    from acn_bench.reports import pdf

    return pdf.write(html, path)
