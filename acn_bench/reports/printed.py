"""A report -> what its PDF holds: of many groups the first, with a line on how many the HTML page has.

WeasyPrint takes about 0.1 s of CPU for a run (240 runs: 25 s), and nobody prints hundreds of pages.
"""

from collections.abc import Iterator
from dataclasses import replace

from acn_bench.reports.model import Block, Figure, Note, Report, Rows, Section, Table

DRAWINGS = 12  # of a figure; each may have twelve panels
TABLES = 40  # of a section
ROWS = 120  # of a table


def printed(report: Report) -> Report:
    """The same report where it is short enough to print whole."""
    return replace(report, sections=tuple(map(_section, report.sections)))


def _section(section: Section) -> Section:
    blocks, tables = list[Block](), 0
    for block in section.blocks:
        tables += isinstance(block, Table)
        if not isinstance(block, Table) or tables <= TABLES:
            blocks += _block(block)
    if tables > TABLES:
        blocks.append(_of(TABLES, tables, "tables"))
    return replace(section, blocks=tuple(blocks))


def _block(block: Block) -> Iterator[Block]:
    if isinstance(block, Figure) and len(block.parts) > DRAWINGS:
        yield replace(block, parts=block.parts[:DRAWINGS])
        yield _of(DRAWINGS, len(block.parts), "drawings")
    elif isinstance(block, Table) and block.count > ROWS:
        parts = tuple(_first(block.parts))
        shown = sum(len(part.rows) for part in parts)
        notes = (_of(shown, block.count, "rows"), *block.notes)
        yield replace(block, parts=parts, notes=notes)
    else:
        yield block


def _first(parts: tuple[Rows, ...]) -> Iterator[Rows]:
    """Parts with at most `ROWS` rows, shared equally; a short part leaves its share to those behind it."""
    left = ROWS
    for k, part in enumerate(parts):
        rows = part.rows[: max(1, left // (len(parts) - k))]
        left -= len(rows)
        yield replace(part, rows=rows)


def _of(shown: int, count: int, what: str) -> Note:
    return Note(f"Printed are {shown} of {count:,} {what}; the HTML page has all.", "how")
