"""What made the records: code, device, libraries, data; and the guards that ran with them."""

from collections.abc import Iterator

from acn_bench import wording
from acn_bench.analysis import caveats
from acn_bench.analysis.comparison import Comparison
from acn_bench.reports.model import Cell, Column, Rows, Section, Table, Terms
from acn_bench.reports.sections.section import ReportSection
from acn_bench.wording import each

_CODE = frozenset({"Code", "Commit", "Data fingerprint"})
_GUARDS = (Column("Guard"), Column("Outcome", "label"), Column("Detail", "text"))


def build(comparison: Comparison) -> Section:
    """Each value once, then one row a guard."""
    terms = Terms(tuple(_provenance(comparison)), _CODE)
    rows = tuple(_guards(comparison))
    caption = "Checks that ran with the measurements."
    guards = (Table(_GUARDS, (Rows(rows),), title="Guards", caption=caption),) if rows else ()
    return Section("provenance", "Provenance", (terms, *guards))


def _provenance(comparison: Comparison) -> Iterator[tuple[str, str]]:
    made = [r.provenance for r in comparison.records]
    times = sorted(p.time for p in made)
    yield "Runs", str(len(made))
    yield "Made", wording.span(times[0], times[-1])
    yield "Code", each(p.code[:16] for p in made)
    yield "Commit", each(p.commit or "not known" for p in made)
    yield "Device", each(p.device for p in made)
    yield "Precision", each(r.result.precision for r in comparison.records)
    for package in sorted({package for p in made for package in p.versions}):
        yield package, each(p.versions.get(package, "none") for p in made)
    yield "Data", each(map(caveats.data_titles, comparison.records))
    yield "Data fingerprint", each("+".join(d.fingerprint for d in p.datasets) for p in made)


def _guards(comparison: Comparison) -> Iterator[tuple[Cell, ...]]:
    """Each guard with how many runs passed it and the details, those of failures first."""
    outcomes: dict[str, list[tuple[bool, str]]] = {}
    for record in comparison.records:
        for guard in record.provenance.guards:
            outcomes.setdefault(guard.name, []).append((guard.passed, guard.detail))
    for name, of_guard in outcomes.items():
        passed = sum(ok for ok, _ in of_guard)
        details = list(dict.fromkeys(d for _, d in sorted(of_guard, key=lambda o: o[0])))
        words = details[:3] + ([f"and {len(details) - 3} more"] if len(details) > 3 else [])
        outcome = f"{passed} of {len(of_guard)} passed"
        yield Cell(name), Cell(outcome), Cell("; ".join(words))


PROVENANCE = ReportSection("provenance", 120, build)
