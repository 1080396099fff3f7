"""The strengths that were selected: which, and at what cost."""

from collections.abc import Iterator
from statistics import fmean, median

from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Group
from acn_bench.benchmarks.continual.record import ContinualRecord
from acn_bench.reports.model import Cell, Column, Note, Rows, Section, Table
from acn_bench.reports.sections.section import ReportSection

_COLUMNS = (
    Column("Arm", "label"),
    Column("Strength,\nmedian", "text"),
    Column("Trainings per\nexperience"),
    Column("Of all images,\ntried in vain"),
    Column("Not\nreached"),
)
_HOW = (
    "For each experience after the first: plain fine-tuning, then the strategy from its largest strength down, until the "
    "accuracy on held-out rows of that experience is near enough to fine-tuning's (De Lange et al. 2021). "
    "Both arms may try the same strengths equally often. Median and range over seeds and experiences; in vain: the images of "
    "all trainings but those that count; not reached: experiences in which the smallest strength did not suffice either, "
    "and was taken."
)


def build(comparison: Comparison) -> Section | None:
    """One part a group; None where no strength was selected."""
    parts = tuple(
        Rows(rows, group.label) for group in comparison.groups if (rows := tuple(_rows(group)))
    )
    if not parts:
        return None
    table = Table(_COLUMNS, parts, look="narrow")
    return Section("selection", "Selected strengths", (Note(_HOW, "how"), table), "Selection")


def _rows(group: Group) -> Iterator[tuple[Cell, ...]]:
    for arm in group.arms.values():
        records = [r for r in arm.records if r.result.strength_tries]
        if records:
            yield (Cell(arm.title), *_cells(records))


def _cells(records: list[ContinualRecord]) -> Iterator[Cell]:
    selections = [(r, tries) for r in records for tries in r.result.strength_tries or []]
    chosen = [tries[-1].strength for _, tries in selections]
    yield Cell(f"{median(chosen):.3g}", f"{min(chosen):.3g} to {max(chosen):.3g}")
    most = records[0].config.benchmark.select_tries + 1
    yield Cell(f"{fmean(len(tries) for _, tries in selections):.1f}", f"of at most {most}")
    vain = sum(one.images for _, tries in selections for one in tries[:-1])
    yield Cell(f"{100 * vain / sum(r.result.images_seen for r in records):.0f}\N{NO-BREAK SPACE}%")
    missed = sum(
        tries[-1].accuracy < (1 - r.config.benchmark.select_drop) * tries[0].accuracy
        for r, tries in selections
    )
    yield Cell(f"{missed} of {len(selections)}")


SELECTION = ReportSection("selection", 94, build)
