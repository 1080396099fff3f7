"""A report as CSV: every run and metric, and every table.

`report.csv` has one line for each run and metric, unrounded, in the metric's own scale (shares, blocks, seconds).
`report_tables.csv` has the sections of the report, one line for each cell of a table, term or sentence, in words
as the page shows them: (section, table, part, row, column, value, detail), `detail` being the interval, reason or
p-value below the value. Figures are drawings, and in neither.

A cell of text that a spreadsheet would take for a formula gets a leading apostrophe; numbers stay as they are.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from io import StringIO

from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Arm, Group
from acn_bench.printable import printable
from acn_bench.record import Record
from acn_bench.reports.model import Block, Bullets, Note, Report, Section, Table, Terms

RUN_COLUMNS = (
    *("benchmark", "group", "strategy", "wiring", "family", "variant", "depth"),
    *("seed_order", "seed_init", "seed_data", "seed_noise", "metric", "value"),
    *("run_id", "code", "train_rows", "test_rows", "comparable"),
)
TABLE_COLUMNS = ("section", "table", "part", "row", "column", "value", "detail")

_FORMULA = tuple("=+-@\t＝＋－＠")  # the wide ones in some languages
_NUMBER = re.compile(r"[+-]?(\d+(,\d{3})*(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def render(report: Report) -> str:
    """The tables, terms and sentences of all sections."""
    lines = (
        (section.name, *line)
        for section in report.sections
        for block in section.blocks
        for line in _lines(section, block)
    )
    return _written([TABLE_COLUMNS, *lines])


def runs(*comparisons: Comparison) -> str:
    """Every metric of every run."""
    lines = (
        line
        for comparison in comparisons
        for group in comparison.groups
        for arm in group.arms.values()
        for record in arm.records
        for line in _run(comparison, group, arm, record)
    )
    return _written([RUN_COLUMNS, *lines])


def escaped(text: str) -> str:
    """A text cell that no spreadsheet takes for a formula; a line break in it is a space."""
    text = printable(text.replace("\r", " ").replace("\n", " "))
    formula = text.lstrip(" ").startswith(_FORMULA) and not _NUMBER.fullmatch(text.strip(" "))
    return f"'{text}" if formula else text


def _written(lines: Sequence[Sequence[object]]) -> str:
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([escaped(v) if isinstance(v, str) else v for v in line] for line in lines)
    return buffer.getvalue()


def _lines(section: Section, block: Block) -> Iterator[tuple[str, ...]]:
    """(table, part, row, column, value, detail) of all that a block has in words."""
    match block:
        case Table():
            yield from _table(block, block.title or section.title or section.name)
        case Terms():
            yield from (("", "", word, "", sentence, "") for word, sentence in block.entries)
        case Bullets():
            if block.caption:
                yield (block.title, "", "", "caption", block.caption, "")
            yield from ((block.title, "", "", "", sentence, "") for sentence in block.items)
        case Note():
            yield ("", "", "", "note", block.text, block.link)


def _table(table: Table, title: str) -> Iterator[tuple[str, ...]]:
    for word, text in (("summary", table.aside), ("caption", table.caption)):
        if text:
            yield (title, "", "", word, text, "")
    for part in table.parts:
        yield from ((title, part.heading, "", "line", line, "") for line in part.lines)
        for row in part.rows:
            for heading, cell in zip(table.headings[1:], row[1:], strict=True):
                if cell.text:
                    yield (title, part.heading, row[0].line, heading, cell.text, cell.detail)  # fmt: skip
        yield from ((title, part.heading, "", "note", note, "") for note in part.notes)
    for note in table.notes:
        yield (title, "", "", "note", f"{note.badge}: {note.text}" if note.badge else note.text, "")


def _run(
    comparison: Comparison, group: Group, arm: Arm, record: Record
) -> Iterator[tuple[object, ...]]:
    seeds, made = record.config.seeds, record.provenance
    for metric in comparison.kind.metrics.values():
        value = arm.value(record, metric.name)
        yield (
            *(comparison.benchmark, group.label, group.strategy, arm.name),
            *(group.family or "", group.variant or "", group.depth or ""),
            *(seeds.order, seeds.init, seeds.data, seeds.noise),
            *(metric.name, "" if value is None else f"{value:.9g}"),
            *(record.run_id, made.code[:8], made.data.train, made.data.test),
            str(made.comparable).lower(),
        )
