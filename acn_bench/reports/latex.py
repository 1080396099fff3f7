"""A report as LaTeX, to be read in by a document that has booktabs and longtable. The one place that escapes for it."""

from collections.abc import Iterator

from acn_bench.printable import one_line
from acn_bench.reports.model import (
    Block,
    Bullets,
    Column,
    Figure,
    Note,
    Report,
    Rows,
    Section,
    Table,
    Terms,
)

_ROWS = 40  # of a table on one page
_WORDS = 34  # characters of a column that stay on one line
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "_": r"\_",
    "#": r"\#",
    "$": r"\$",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # after a line's end it would be an argument
    "]": "{]}",
    '"': r"\symbol{34}",
    "`": r"\textasciigrave{}",
    "*": "{*}",  # after a row's end it would be its star
    "±": r"$\pm$",
    "\N{MINUS SIGN}": "$-$",
    "\N{EN DASH}": "--",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "→": r"$\to$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "×": r"$\times$",
    "÷": r"$\div$",
    "²": r"$^2$",
    "·": r"$\cdot$",
    "…": r"\ldots{}",
    "σ": r"$\sigma$",
    "\N{NO-BREAK SPACE}": "~",
    "“": "``",
    "”": "''",
}


def render(report: Report) -> str:
    """The whole report; a figure as its title, caption and what it shows in words."""
    lines = [
        "% needs \\usepackage{booktabs,longtable}",
        rf"\section*{{{escaped(report.benchmark)}: {escaped(report.title)}}}",
    ]
    for section in report.sections:
        lines += _section(section)
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text on one line, without a character that LaTeX takes as its own."""
    return "".join(_SPECIAL.get(character, character) for character in one_line(text))


def _section(section: Section) -> Iterator[str]:
    if section.title:
        yield from ("", rf"\subsection*{{{escaped(section.title)}}}")
    for block in section.blocks:
        yield from ("", *_block(block))


def _block(block: Block) -> Iterator[str]:
    match block:
        case Table():
            yield from _table(block)
        case Figure():
            yield rf"\paragraph{{{escaped(block.title)}}} {escaped(block.caption)}"
            yield from _list("itemize", [escaped(part.alt) for part in block.parts])
        case Terms():
            entries = [f"{{{escaped(word)}}}] {escaped(text)}" for word, text in block.entries]
            yield from _list("description", entries, r"\item[")
        case Bullets():
            if block.title:
                yield rf"\paragraph{{{escaped(block.title)}}}"
            if block.caption:
                yield escaped(block.caption)
            yield from _list("itemize", [escaped(item) for item in block.items])
        case Note():
            yield _note(block)


def _list(environment: str, items: list[str], item: str = r"\item ") -> Iterator[str]:
    if items:
        yield rf"\begin{{{environment}}}"
        yield from (f"{item}{text}" for text in items)
        yield rf"\end{{{environment}}}"


def _note(note: Note) -> str:
    badge = rf"\emph{{{escaped(note.badge)}}} " if note.badge else ""
    text = escaped(f"{note.text}: {note.link}" if note.link else note.text)
    return rf"\textbf{{{text}}}" if note.tone == "warning" else f"{badge}{text}"


def _table(table: Table) -> Iterator[str]:
    if table.title:
        aside = f" ({escaped(table.aside)})" if table.aside else ""
        yield rf"\paragraph{{{escaped(table.title)}}}{aside}"
    if table.caption:
        yield escaped(table.caption)
    if table.columns:
        yield from _tabular(table)
    explained = [part for part in table.parts if part.lines or part.notes]
    items = [f"{{{escaped(part.title)}}}] {_explanation(part)}" for part in explained]
    yield from _list("description", items, r"\item[")
    for note in table.notes:
        yield from ("", _note(note))


def _explanation(part: Rows) -> str:
    lines = [f"{'; '.join(map(escaped, part.lines))}."] if part.lines else []
    notes = [rf"\emph{{{escaped(note)}.}}" for note in part.notes]
    return " ".join([*lines, *notes])


def _tabular(table: Table) -> Iterator[str]:
    shown = [k for k, column in enumerate(table.columns) if column.kind != "strip"]
    specification = "".join(_alignment(table, k) for k in shown)
    long = table.count > _ROWS
    environment = "longtable" if long else "tabular"
    if not long:
        yield r"\begin{center}"
    yield from (rf"\begin{{{environment}}}{{{specification}}}", r"\toprule")
    yield from _header(table, shown)
    if long:
        yield from (r"\midrule", r"\endhead")
    for k, part in enumerate(table.parts):
        if part.rows:
            yield from _part(table, part.heading, len(shown), first=k == 0, long=long)
        for row in part.rows:
            yield _line(escaped(row[k].line) for k in shown)
    yield from (r"\bottomrule", rf"\end{{{environment}}}")
    if not long:
        yield r"\end{center}"


def _header(table: Table, shown: list[int]) -> Iterator[str]:
    """The headings; above them those that neighbours share."""
    columns = [table.columns[k] for k in shown]
    if any(column.group for column in columns):
        spans: list[tuple[str, int]] = []
        for column in columns:
            if spans and column.group and spans[-1][0] == column.group:
                spans[-1] = (column.group, spans[-1][1] + 1)
            else:
                spans.append((column.group, 1))
        yield _line(
            rf"\multicolumn{{{n}}}{{c}}{{{escaped(title)}}}" if title else "" for title, n in spans
        )
    yield _line(escaped(column.title) for column in columns)


def _part(table: Table, heading: str, width: int, first: bool, long: bool) -> Iterator[str]:
    if not (first and long):  # a long table's head ends with a rule
        yield r"\midrule"
    if table.has_titles:
        yield rf"\multicolumn{{{width}}}{{l}}{{{escaped(heading)}}} \\ \midrule"


def _alignment(table: Table, place: int) -> str:
    """A column's specification: long text is broken into lines."""
    column = table.columns[place]
    longest = max((len(row[place].text) for _, row in table.rows), default=0)
    if column.kind != "number" and longest > _WORDS:
        return r"p{0.3\linewidth}"
    return "l" if _is_text(column) or not place else "r"


def _is_text(column: Column) -> bool:
    return column.kind in ("text", "label")


def _line(cells: Iterator[str]) -> str:
    return " & ".join(cells) + r" \\"
