"""A report as plain data: sections of tables, figures, notes and lists. Renderers turn it into text.

No word here is escaped, and nothing here knows HTML or LaTeX. A cell or a heading may have a line break.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

# number: right-aligned; label: short words that stay on one line; strip: drawings, in HTML alone
ColumnKind = Literal["number", "label", "text", "strip"]
# an arm's colour, a verdict's badge, or a name that is code
Style = Literal[
    "", "ac", "residual", "holds", "reversed", "weakly holds", "weakly reversed", "undecided", "no verdict", "code"
]  # fmt: skip
Look = Literal["", "answer", "matrix", "claim", "quality", "narrow", "small"]  # of a table


@dataclass(frozen=True)
class Strip:
    """A difference and its 95 % interval, to be drawn around zero; `reach` is the end of the scale."""

    difference: float
    interval: tuple[float, float] | None
    reach: float


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table."""

    text: str
    detail: str = ""  # smaller, below or behind it: an interval, a reason
    style: Style = ""
    strip: Strip | None = None

    @property
    def line(self) -> str:
        """Text and detail in one line: "+2.1 [+1.7, +2.4]", "holds (survives Holm)"."""
        detail = (
            self.detail if self.detail.startswith("[") or not self.detail else f"({self.detail})"
        )
        return " ".join(words for words in (self.text, detail) if words).replace("\n", " ")


@dataclass(frozen=True)
class Column:
    """The heading of a column; neighbours of one `group` share a second heading above."""

    title: str
    kind: ColumnKind = "number"
    style: Style = ""
    group: str = ""


@dataclass(frozen=True)
class Rows:
    """Rows that belong together; the first cell of each is its heading."""

    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    detail: str = ""  # behind the title: "n = 3"
    lines: tuple[str, ...] = ()  # below the title: a formula, its source
    notes: tuple[str, ...] = ()  # below the rows

    @property
    def heading(self) -> str:
        """Title and detail in one line."""
        return f"{self.title} ({self.detail})" if self.detail else self.title


@dataclass(frozen=True)
class Note:
    """A paragraph."""

    text: str
    tone: Literal["", "how", "warning"] = ""  # how: how to read what follows
    badge: Style = ""  # a verdict, before the text
    link: str = ""  # the address that the text leads to, below the report's own folder


@dataclass(frozen=True)
class Table:
    """A table; every row has a cell for each column."""

    columns: tuple[Column, ...]
    parts: tuple[Rows, ...]
    title: str = ""
    aside: str = ""  # beside the title: a tally, "n = 3"
    caption: str = ""
    notes: tuple[Note, ...] = ()  # below the table
    parts_are: str = "Group"  # what the titles of its parts name
    look: Look = ""

    @property
    def has_titles(self) -> bool:
        """Whether any of its parts has a title."""
        return any(part.title for part in self.parts)

    @property
    def count(self) -> int:
        """How many rows."""
        return sum(len(part.rows) for part in self.parts)

    @property
    def headings(self) -> list[str]:
        """The columns' headings, each in one line."""
        titles = (f"{c.group}: {c.title}" if c.group else c.title for c in self.columns)
        return [title.replace("\n", " ") for title in titles]

    @property
    def rows(self) -> Iterator[tuple[Rows, tuple[Cell, ...]]]:
        """Every row with the part that it is in."""
        yield from ((part, row) for part in self.parts for row in part.rows)


@dataclass(frozen=True)
class Drawing:
    """One SVG, and the same in words for readers who cannot see it."""

    heading: str
    svg: str
    alt: str


@dataclass(frozen=True)
class Figure:
    """A figure: how to read it, and one or more drawings."""

    name: str
    title: str
    caption: str
    parts: tuple[Drawing, ...]


@dataclass(frozen=True)
class Terms:
    """(word, sentence) pairs, as in a glossary."""

    entries: tuple[tuple[str, str], ...]
    code: frozenset[str] = frozenset()  # words whose sentence is code: hashes, fingerprints


@dataclass(frozen=True)
class Bullets:
    """A list of sentences below a heading; the heading may be empty."""

    items: tuple[str, ...]
    title: str = ""
    caption: str = ""


Block = Table | Figure | Note | Terms | Bullets


@dataclass(frozen=True)
class Section:
    """A part of a report. Without a title it stands above the contents."""

    name: str  # a page's anchor
    title: str
    blocks: tuple[Block, ...]
    link: str = ""  # a shorter title for the contents
    listed: bool = True  # in the contents
    part: str = ""  # the name of the section that it stands below in the contents

    @property
    def tables(self) -> list[Table]:
        """Its tables."""
        return [block for block in self.blocks if isinstance(block, Table)]


@dataclass(frozen=True)
class Report:
    """The report of one benchmark, or of several."""

    benchmark: str  # its name, or theirs
    title: str  # the question
    sections: tuple[Section, ...]
