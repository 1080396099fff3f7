"""Write reports/index.html: every claim by published folder, then the answers of each folder.

python tools/make_index.py [--reports reports] [--out reports/index.html]

It is computed from the records, by the current definitions, and links to each folder's report as it was published.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from acn_bench import catalog, records, reports
from acn_bench.analysis.comparison import Comparison, compare
from acn_bench.reports.combined import Part, combined
from acn_bench.reports.model import Report

ROOT = Path(__file__).parent.parent
BRIEF = ("answers", "lead")  # the sections of each folder
TITLE = "What do the published records say about auto-compressing networks?"


def parts(folder: Path) -> list[Part]:
    """One part for each published folder with records: those on a data set in full first, then the newest."""
    found = sorted((p.parent for p in folder.glob("*/records.jsonl")), reverse=True)
    made = [part for published in found for part in _parts(published)]
    return sorted(made, key=lambda part: not _in_full(part.comparison))


def _in_full(comparison: Comparison) -> bool:
    return all(d.canonical for r in comparison.records for d in r.provenance.datasets)


def _parts(published: Path) -> list[Part]:
    made = records.load_all([published])
    names = sorted({r.config.benchmark.name for r in made})
    found = []
    for name in names:
        of_benchmark = [r for r in made if r.config.benchmark.name == name]
        title = published.name if len(names) == 1 else f"{published.name}-{name}"
        comparison = compare(of_benchmark, catalog.benchmark(name))
        found.append(Part(title, comparison, f"{published.name}/report.html"))
    return found


def brief(comparison: Comparison) -> Report:
    """The first screen of a report."""
    whole = reports.report(comparison)
    return replace(whole, sections=tuple(s for s in whole.sections if s.name in BRIEF))


def page(folder: Path) -> str:
    """The index over the published folders below `folder`."""
    return reports.as_text(combined(parts(folder), brief, TITLE, "published folder"), "html")


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description="The index over published records.")
    parser.add_argument("--reports", type=Path, default=ROOT / "reports")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "index.html")
    options = parser.parse_args()
    options.out.write_text(page(options.reports), encoding="utf-8")
    print(options.out)


if __name__ == "__main__":
    main()
