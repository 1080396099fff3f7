"""A report as Markdown (GitHub's tables). The one place that escapes for it."""

import re
from collections.abc import Iterator
from urllib.parse import quote

from acn_bench.printable import one_line
from acn_bench.reports.model import (
    Block,
    Bullets,
    Column,
    Figure,
    Note,
    Report,
    Section,
    Table,
    Terms,
)

# what would start code, emphasis, mathematics, a link, a tag, an entity or a new cell
_SPECIAL = re.compile(r"[\\`*\[<|~$]|(?<!\w)_|_(?!\w)|&(?=#?\w+;)")
# at the start of a line: a heading, a quotation, a rule, a list; or the number of a list, before its mark
_START = re.compile(r"^(\d{1,9}(?=[.)](?:\s|$))|(?=[#>=])|(?=[+-](?:[\s-]|$)))")


def render(report: Report) -> str:
    """The whole report; a figure as its title, caption and what it shows in words."""
    lines = [f"# {escaped(report.benchmark)}", "", escaped(report.title)]
    for section in report.sections:
        lines += _section(section)
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text on one line, without a character that Markdown or HTML takes as its own."""
    return _START.sub(r"\g<1>\\", _SPECIAL.sub(r"\\\g<0>", one_line(text).strip(" ")))


def _section(section: Section) -> Iterator[str]:
    if section.title:
        yield from ("", f"## {escaped(section.title)}")
    for block in section.blocks:
        yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Table():
            yield from _table(block)
        case Figure():
            yield from ("", f"### {escaped(block.title)}", "", escaped(block.caption), "")
            yield from (f"- {escaped(part.alt)}" for part in block.parts)
        case Terms():
            yield ""
            yield from (
                f"- {escaped(word)}: {escaped(sentence)}" for word, sentence in block.entries
            )
        case Bullets():
            yield from _bullets(block)
        case Note():
            yield from ("", _note(block))


def _bullets(block: Bullets) -> Iterator[str]:
    if block.title:
        yield from ("", f"### {escaped(block.title)}")
    if block.caption:
        yield from ("", escaped(block.caption))
    yield ""
    yield from (f"- {escaped(item)}" for item in block.items)


def _note(note: Note) -> str:
    text = escaped(note.text)
    text = f"[{text}](<{quote(note.link)}>)" if note.link else text
    badge = f"**{escaped(note.badge)}** " if note.badge else ""
    return f"**{text}**" if note.tone == "warning" else f"{badge}{text}"


def _table(table: Table) -> Iterator[str]:
    if table.title:
        aside = f", {escaped(table.aside)}" if table.aside else ""
        yield from ("", f"### {escaped(table.title)}{aside}")
    if table.caption:
        yield from ("", escaped(table.caption))
    explained = [part for part in table.parts if part.lines or part.notes]
    if explained:
        yield ""
    for part in explained:
        lines = [f"{'; '.join(map(escaped, part.lines))}."] if part.lines else []
        notes = [f"*{escaped(note)}.*" for note in part.notes]
        yield f"- **{escaped(part.title)}**: {' '.join([*lines, *notes])}"
    if table.columns:
        yield ""
        yield from _rows(table)
    for note in table.notes:
        yield from ("", _note(note))


def _rows(table: Table) -> Iterator[str]:
    shown = [k for k, column in enumerate(table.columns) if column.kind != "strip"]
    first = [table.parts_are] if table.has_titles else []
    aligned = ["---" for _ in first] + [_align(k, table.columns[k]) for k in shown]
    yield _line([escaped(heading) for heading in (*first, *(table.headings[k] for k in shown))])
    yield _line(aligned)
    for part, row in table.rows:
        title = [escaped(part.heading)] if table.has_titles else []
        yield _line([*title, *(escaped(row[k].line) for k in shown)])


def _align(place: int, column: Column) -> str:
    return "---:" if place and column.kind == "number" else "---"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
