"""Comparisons of several benchmarks -> one report: every claim by benchmark first, then a part for each benchmark."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from acn_bench import wording
from acn_bench.analysis import caveats
from acn_bench.analysis.comparison import Comparison, Verdict
from acn_bench.reports.model import Block, Cell, Column, Figure, Note, Report, Rows, Section, Table
from acn_bench.reports.sections import answers

SHOWN = 3  # benchmarks that a title names
WIDE = 5  # benchmarks that a page has columns for
_HOW = (
    "AC is an auto-compressing network: each block reads the block before it alone, and the head reads the sum of all "
    "blocks; in a residual network each block reads the sum of all before it. Beside a verdict stands the difference of AC "
    "less the other network; a group is one setting with several seeds. A claim holds where the whole "
    "95\N{NO-BREAK SPACE}% interval lies on its side of zero, is reversed where it lies on the other side, and is undecided "
    "where it includes zero."
)


@dataclass(frozen=True)
class Part:
    """One comparison of a report."""

    name: str  # distinguishes it from the others
    comparison: Comparison
    link: str = ""  # the address of a report of it alone


def combined(
    parts: Sequence[Part],
    sections: Callable[[Comparison], Report],
    title: str = "",
    noun: str = "benchmark",
) -> Report:
    """The summary, then what `sections` makes of each part; `noun` is what a part is called.

    Each name and anchor is that of one part.
    """
    names = [part.name for part in parts]
    listed = wording.listed(names) if len(names) <= SHOWN else wording.plural(len(names), noun)
    made = [s for part in parts for s in _part(part, sections(part.comparison))]
    table = _matrix(parts) if len(parts) <= WIDE else _by_claim(parts, noun)
    how = Note(f"{_HOW} A {noun} without a verdict on a claim does not make it.", "how")
    summary = Section("summary", "", (Note(_in_short(parts, noun)), how, table))
    return Report(listed, title or f"AC compared with residual on {listed}", (summary, *made))


def _in_short(parts: Sequence[Part], noun: str) -> str:
    """How many claims stand, over all parts that make them."""
    made = [
        [v for part in parts for v in _verdicts(part.comparison, statement)]
        for statement in _statements(parts)
    ]
    return answers.counted(list(filter(None, made)), f"Holm's correction in their {noun}")


def _by_claim(parts: Sequence[Part], noun: str) -> Table:
    """For each claim a row for each part that makes it, as the part's own first screen has it."""
    columns = (Column(noun.capitalize(), "text"), *answers.COLUMNS[1:])
    of_claims = []
    for statement in _statements(parts):
        made = [
            (part, row)
            for part in parts
            for claim in part.comparison.claims
            if claim.statement == statement and (row := answers.row_of(part.comparison, claim))
        ]
        rows = tuple((Cell(part.name, _data(part)), *row[1:]) for part, row in made)
        if rows:
            of_claims.append(Rows(rows, statement))
    return Table(columns, tuple(of_claims), parts_are="Claim", look="answer")


def _statements(parts: Sequence[Part]) -> Sequence[str]:
    return list(dict.fromkeys(c.statement for part in parts for c in part.comparison.claims))


def _matrix(parts: Sequence[Part]) -> Table:
    """Claims × benchmarks: the verdict and the difference."""
    statements = _statements(parts)
    columns = (Column("Claim", "text"), *(Column(_heading(part), "text") for part in parts))
    rows = tuple(
        (Cell(statement), *(_verdict(part.comparison, statement) for part in parts))
        for statement in statements
    )
    return Table(columns, (Rows(rows),), look="matrix")


def _heading(part: Part) -> str:
    """The name of a part, and its data below."""
    return f"{part.name}\n{_data(part)}"


def _data(part: Part) -> str:
    return wording.each(map(caveats.data_titles, part.comparison.records))


def _verdicts(comparison: Comparison, statement: str) -> list[Verdict]:
    claims = (c for c in comparison.claims if c.statement == statement)
    return [v for c in claims for v in comparison.of_claim(c.name)]


def _verdict(comparison: Comparison, statement: str) -> Cell:
    verdicts = _verdicts(comparison, statement)
    if not verdicts:
        return Cell("")
    judged = [v for v in verdicts if v.outcome != "no verdict"]
    outcome, effect = answers.outcome(verdicts), answers.effect(judged or verdicts)
    return replace(outcome, detail=effect.text if judged else verdicts[0].reason)


def _part(part: Part, report: Report) -> Iterator[Section]:
    """Its sections; what has no title stands together below the part's."""
    untitled = [block for s in report.sections if not s.title for block in s.blocks]
    link = [Note("The whole report", link=part.link)] if part.link else []
    blocks = tuple(_anchored(part.name, block) for block in (*untitled, *link))
    yield Section(part.name, f"{part.name}: {report.title}", blocks, part.name)
    for s in report.sections:
        if s.title:
            blocks = tuple(_anchored(part.name, block) for block in s.blocks)
            title, listed_as = f"{part.name}: {s.title}", s.link or s.title
            yield Section(f"{part.name}-{s.name}", title, blocks, listed_as, s.listed, part.name)


def _anchored(name: str, block: Block) -> Block:
    """A figure's anchor is that of its part."""
    return replace(block, name=f"{name}-{block.name}") if isinstance(block, Figure) else block
