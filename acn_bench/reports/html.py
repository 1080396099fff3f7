"""A report as one HTML page that stands alone: no request, the same bytes every time; all is there without its script.

The template, and `_words` for cells, escape every word; only the drawings, which this package makes, are markup.
"""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path
from typing import Literal

import jinja2
from markupsafe import Markup, escape

from acn_bench.printable import printable
from acn_bench.reports.model import (
    Block,
    Cell,
    Column,
    ColumnKind,
    Report,
    Rows,
    Strip,
    Style,
    Table,
)

_TEMPLATE = Path(__file__).with_name("page.html.j2")
_SCRIPT = Path(__file__).with_name("page.js")
BREAK = "<br>"
SHORT = 16  # characters of a badge's detail that stay on one line
_BADGES = ("holds", "reversed", "weakly holds", "weakly reversed", "undecided", "no verdict")
_CLASSES = {
    "head": {"label": "text", "text": "text", "strip": "middle"},
    "row": {"label": "label"},
    "cell": {"number": "number", "label": "text number", "text": "text", "strip": "middle"},
}


def render(report: Report) -> str:
    """The whole page. It depends on the report alone: no clock, no paths, no host."""
    environment = jinja2.Environment(
        autoescape=True,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "attributes": _attributes,
        "block": _block,
        "css": _css,
        "hash": _hash,
        "rows": _rows,
        "several": _several,
        "spans": _spans,
        "strip": _strip,
    }
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    script = _SCRIPT.read_text(encoding="utf-8")
    return template.render(report=report, script=script).strip() + "\n"


def _finalize(value: object) -> object:
    """What is put into the page: words without control characters; markup of this package as it is."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _hash(script: str) -> str:
    """What the page's policy lets run: this script and no other."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def _block(block: Block) -> str:
    """What a block is: the template has a macro for each."""
    return type(block).__name__


def _attributes(
    column: Column, place: Literal["head", "row", "cell"], cell: Cell | None = None
) -> Markup:
    """The class of a heading or a cell, where it has one."""
    return _class(column.kind, place, column.style if cell is None else cell.style)


@cache  # a page has tens of thousands of cells
def _class(kind: ColumnKind, place: Literal["head", "row", "cell"], style: Style) -> Markup:
    names = [_CLASSES[place].get(kind, ""), style if style in ("ac", "residual") else ""]
    joined = " ".join(name for name in names if name)
    hidden = Markup(' aria-hidden="true"') if kind == "strip" else ""
    return Markup(' class="{}"{}').format(joined, hidden) if joined else Markup("")


def _rows(table: Table, part: Rows) -> Markup:
    """The rows of a part, a line each. Not in the template: a page of 1,000 runs has 40,000 cells."""
    lines = (_row(table.columns, row) for row in part.rows)
    return Markup("\n".join(lines))


def _row(columns: Sequence[Column], row: Sequence[Cell]) -> str:
    first = f'<th scope="row"{_attributes(columns[0], "row", row[0])}>{_words(row[0], " ")}</th>'
    others = (
        f"<td{_attributes(column, 'cell', cell)}>{_words(cell, BREAK if column.kind == 'number' else ' ')}</td>"
        for column, cell in zip(columns[1:], row[1:], strict=True)
    )
    return f"<tr>{first}{''.join(others)}</tr>"


def _words(cell: Cell, between: str) -> str:
    """What stands in a cell, escaped; `between` its text and its detail."""
    text, detail = _escaped(cell.text), _escaped(cell.detail)
    if cell.strip:
        return _strip(cell.strip)
    if cell.style in _BADGES:
        number = " number" if len(cell.detail) <= SHORT else ""
        badge = f'<span class="badge {cell.style.replace(" ", "-")}">{text}</span>'
        return f'{badge}{BREAK}<span class="quiet{number}">{detail}</span>' if detail else badge
    words = f"<code>{text}</code>" if cell.style == "code" else text.replace("\n", BREAK)
    return f'{words}{between}<span class="quiet">{detail}</span>' if detail else words


@lru_cache(4096)  # most cells have no detail, and many share their words
def _escaped(words: str) -> str:
    return str(escape(printable(words)))


def _several(table: Table) -> bool:
    """Whether the table compares AC with several arms, each difference and its interval in one cell."""
    return any(cell.detail for _, row in table.rows for cell in row)


def _spans(table: Table) -> Sequence[tuple[Column, int]]:
    """The upper row of headings: (first column, how many it is above), 0 for one without a group; or nothing."""
    if not any(column.group for column in table.columns):
        return []
    spans: list[tuple[Column, int]] = []
    for group, columns in groupby(table.columns, key=lambda column: column.group):
        members = list(columns)
        spans += [(members[0], len(members))] if group else [(column, 0) for column in members]
    return spans


def _css(text: str) -> Markup:
    """A text inside a quoted string of the style sheet."""
    return Markup("".join(c if c.isalnum() or c in " .-" else f"\\{ord(c):x} " for c in text))


def _strip(strip: Strip) -> Markup:
    """A tiny interval around zero, on the same scale in all rows of a table."""
    half, middle = 58, 62

    def x(value: float) -> str:
        return f"{middle + half * value / (strip.reach or 1.0):.1f}"

    bar = ""
    if strip.interval:
        low, high = strip.interval
        bar = f'<path d="M{x(low)} 8H{x(high)}" stroke="#1f2430" stroke-width="2.2"/>'
    fill = "#1f2430" if strip.interval else "#ffffff"
    return Markup(
        '<svg class="strip" width="124" height="16" viewBox="0 0 124 16" aria-hidden="true">'
        f'<path d="M{middle} 1V15" stroke="#9aa1ac" stroke-width="1"/>{bar}'
        f'<circle cx="{x(strip.difference)}" cy="8" r="3.6" fill="{fill}" stroke="#1f2430" '
        'stroke-width="1.2"/></svg>'
    )
