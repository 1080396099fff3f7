"""[Record] -> report.html, report.pdf and tables of one benchmark. Never loads torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from acn_bench.analysis.comparison import Comparison, compare
from acn_bench.catalog import BenchmarkCard
from acn_bench.record import Record
from acn_bench.registry import closest
from acn_bench.run_folder import atomic

FORMATS = ("html", "pdf", "md", "latex", "csv")


@dataclass(frozen=True)
class Written:
    """What `write` made, and a sentence for each thing that it could not make."""

    paths: list[Path]
    notes: list[str]


def write(
    records: Sequence[Record],
    card: BenchmarkCard | None,
    out: Path,
    formats: Sequence[str] = ("html", "pdf"),
) -> Written:
    """Write the report of one benchmark into the folder `out`, as `report.<ending>` for each format.

    Each file is whole or absent. Raises ValueError for an unknown format, and what `compare` raises;
    a PDF that nothing here can render is a note, not an error.
    """
    for name in formats:
        if name not in FORMATS:
            raise ValueError(f"unknown format {name!r}. {closest(name, FORMATS)}")
    comparison = compare(records, card)
    page = _page(comparison) if {"html", "pdf"} & set(formats) else ""
    paths: list[Path] = []
    notes: list[str] = []
    for name in dict.fromkeys(formats):
        path = out / f"report.{'tex' if name == 'latex' else name}"
        note = _pdf(page, path) if name == "pdf" else None
        if name != "pdf":
            with atomic(path) as part:
                part.write_text(_text(name, page, comparison), encoding="utf-8")
        if note is None:
            paths.append(path)
        else:
            notes.append(note)
    return Written(paths, notes)


def _page(comparison: Comparison) -> str:
    from acn_bench.reports import page  # matplotlib and Jinja: only where a page is made

    return page.render(comparison)


def _pdf(html: str, path: Path) -> str | None:
    from acn_bench.reports import pdf

    return pdf.write(html, path)


def _text(name: str, page: str, comparison: Comparison) -> str:
    if name == "html":
        return page
    from acn_bench.reports import tables

    made: dict[str, Callable[[Comparison], str]] = {
        "md": tables.markdown,
        "latex": tables.latex,
        "csv": tables.comma_separated,
    }
    return made[name](comparison)
