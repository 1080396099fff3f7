"""[Record] -> report.html, report.pdf and tables of one benchmark, or of several. Never loads torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from acn_bench import registry
from acn_bench.analysis.changes import changes
from acn_bench.analysis.comparison import Comparison, compare
from acn_bench.catalog import BenchmarkCard
from acn_bench.errors import shorten
from acn_bench.record import Record
from acn_bench.registry import closest
from acn_bench.reports.combined import Part, combined
from acn_bench.reports.model import Report, Section
from acn_bench.reports.printed import printed
from acn_bench.reports.sections import changes as changed
from acn_bench.reports.sections.section import ReportSection, joined
from acn_bench.run_folder import atomic, remove_parts
from acn_bench.two_processes import MANY, mapped
from acn_bench.wording import plural

FORMATS = ("html", "pdf", "md", "latex", "csv")
DRAWN = frozenset({"html", "pdf"})  # the formats that show figures
# format -> the module whose `render` makes it; each is imported on first use (the page's needs Jinja)
_RENDERERS = {
    "html": "acn_bench.reports.html",
    "pdf": "acn_bench.reports.html",
    "md": "acn_bench.reports.markdown",
    "latex": "acn_bench.reports.latex",
    "csv": "acn_bench.reports.csv",
}

Progress = Callable[[str], None]  # takes a few words on what is being made


def _silent(_: str) -> None:
    """Report no progress."""


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
    progress: Progress = _silent,
) -> Written:
    """Write the report of one benchmark into the folder `out`, as `report.<ending>` for each format.

    `progress` is called with each file, section and page that is begun.

    CSV makes two files: `report.csv`, every metric of every run, and `report_tables.csv`, the report's tables.
    Each file is whole or absent. Raises ValueError for an unknown format, and what `compare` raises;
    a PDF that nothing here can render is a note, not an error.
    """
    return write_several([(records, card)], out, formats, progress)


def write_several(
    benchmarks: Sequence[tuple[Sequence[Record], BenchmarkCard | None]],
    out: Path,
    formats: Sequence[str] = ("html", "pdf"),
    progress: Progress = _silent,
    before: Sequence[Record] = (),
) -> Written:
    """Write one report of several benchmarks: a summary, then a part for each. Otherwise as `write`.

    With `before`, earlier records of the same benchmarks, each part says what changed since.
    """
    for name in formats:
        if name not in FORMATS:
            raise ValueError(f"unknown format {shorten(name)}. {closest(name, FORMATS)}")
    comparisons = []
    for records, card in benchmarks:
        progress(f"comparing {plural(len(records), 'record')}")
        comparisons.append(compare(records, card))
    drawn = bool(DRAWN & set(formats))
    reports = [
        _with_changes(c, _report(c, drawn, progress, len(comparisons) > 1), before)
        for c in comparisons
    ]
    page = _rendered(comparisons, reports, "html", progress) if "html" in formats else ""
    remove_parts(out, "report")
    paths: list[Path] = []
    notes: list[str] = []
    for name in dict.fromkeys(formats):
        if name == "pdf":
            note = _pdf(
                _rendered(comparisons, reports, name, progress), out / "report.pdf", progress
            )
            paths += [] if note else [out / "report.pdf"]
            notes += [note] if note else []
            continue
        for file, text in _texts(comparisons, reports, name, page, progress).items():
            with atomic(out / file) as part:
                part.write_text(text, encoding="utf-8")
            paths.append(out / file)
    return Written(paths, notes)


def render(comparison: Comparison, name: str, progress: Progress = _silent) -> str:
    """The report in the format html, md, latex or csv (of which it is the tables)."""
    made = report(comparison, name in DRAWN, progress)
    return _rendered([comparison], [made], name, progress)


def _report(comparison: Comparison, drawn: bool, progress: Progress, named: bool) -> Report:
    about = f"{comparison.benchmark}: " if named else "report: "
    return report(comparison, drawn, lambda words: progress(f"{about}{words}"))


def _with_changes(comparison: Comparison, made: Report, before: Sequence[Record]) -> Report:
    """What changed since, as the first section below the answers; nothing without earlier records."""
    old = [r for r in before if r.config.benchmark.name == comparison.benchmark]
    if not old:
        return made
    section = changed.build(changes(compare(old, comparison.card), comparison))
    top = sum(not s.title for s in made.sections)
    return replace(made, sections=(*made.sections[:top], section, *made.sections[top:]))


def _rendered(
    comparisons: Sequence[Comparison], reports: Sequence[Report], name: str, progress: Progress
) -> str:
    progress(name)
    if name not in DRAWN:
        reports = [_without_drawings(c, r) for c, r in zip(comparisons, reports, strict=True)]
    if len(reports) == 1:
        return as_text(reports[0], name)
    parts = [Part(c.benchmark, c) for c in comparisons]
    of = {id(c): r for c, r in zip(comparisons, reports, strict=True)}
    return as_text(combined(parts, lambda c: of[id(c)]), name)


def as_text(report: Report, name: str) -> str:
    """A report in the format html, md, latex or csv; of pdf the page that is printed."""
    shown = printed(report) if name == "pdf" else report
    text: str = import_module(_RENDERERS[name]).render(shown)
    return text


def report(comparison: Comparison, drawings: bool = True, progress: Progress = _silent) -> Report:
    """The sections that the kind lists and these records have something for; without `drawings` no figures."""
    listed = sorted(_listed(comparison), key=lambda s: s.order)
    sections = [s for s in listed if drawings or not s.draws]
    work = [(s, build) for s in sections for build in s.parts(comparison)]
    work.sort(key=lambda w: not w[0].draws)  # figures take longest: what is left last is short
    built = mapped(
        lambda w: w[1](),
        work,
        worthwhile=len(comparison.records) >= MANY,
        progress=lambda w: progress(w[0].name),
    )
    parts: dict[str, list[Section | None]] = {s.name: [] for s in sections}
    for (section, _), part in zip(work, built, strict=True):
        parts[section.name].append(part)
    made = map(joined, parts.values())
    card = comparison.card
    title = card.intent if card else f"AC compared with residual on {comparison.benchmark}"
    return Report(comparison.benchmark, title, tuple(s for s in made if s is not None))


def _listed(comparison: Comparison) -> Sequence[ReportSection]:
    listed: Sequence[ReportSection] = registry.load(comparison.kind.sections)
    return listed


def _without_drawings(comparison: Comparison, report: Report) -> Report:
    drawings = {section.name for section in _listed(comparison) if section.draws}
    return replace(report, sections=tuple(s for s in report.sections if s.name not in drawings))


def _texts(
    comparisons: Sequence[Comparison],
    reports: Sequence[Report],
    name: str,
    page: str,
    progress: Progress,
) -> dict[str, str]:
    """File name -> its text."""
    if name == "html":
        return {"report.html": page}
    text = _rendered(comparisons, reports, name, progress)
    if name == "csv":
        from acn_bench.reports import csv

        return {"report.csv": csv.runs(*comparisons), "report_tables.csv": text}
    return {f"report.{'tex' if name == 'latex' else name}": text}


def _pdf(html: str, path: Path, progress: Progress) -> str | None:
    from acn_bench.reports import pdf

    return pdf.write(html, path, progress)
