"""Changes -> a section: what made the records before and now, and which figures moved beyond their noise."""

from collections.abc import Iterator

from acn_bench import wording
from acn_bench.analysis.changes import Change, Changes
from acn_bench.reports import views
from acn_bench.reports.model import Block, Cell, Column, Note, Rows, Section, Table
from acn_bench.wording import plural

_HOW = (
    "Runs of the same settings and seeds are paired, and their figures subtracted: now less before. A figure moved where "
    "the whole 95 % t-interval of the mean difference lies on one side of zero. About one figure in twenty would without "
    "any change; p by Holm's correction takes the number of figures into account."
)
_MADE_BY = (Column("Made by"), Column("before", "text"), Column("now", "text"))
_MOVED = (
    Column("Group"), Column("Arm", "text"), Column("Metric", "text"), Column("before"), Column("now"),
    Column("now − before"), Column("95 % interval,\np → by Holm"), Column("runs"),
)  # fmt: skip


def build(changes: Changes) -> Section:
    """The section, which says so where nothing changed."""
    made_by = tuple(tuple(map(Cell, row)) for row in changes.made_by)
    moved = tuple(_row(change) for change in changes.moved)
    blocks: list[Block] = [Note(_HOW, "how"), *map(Note, _sentences(changes))]
    if made_by:
        blocks.append(Table(_MADE_BY, (Rows(made_by),), title="Code, device and libraries"))
    if moved:
        blocks.append(Table(_MOVED, (Rows(moved),), title="Figures that moved", look="small"))
    return Section("changes", "What changed", tuple(blocks))


def _sentences(changes: Changes) -> Iterator[str]:
    alone = ((changes.only_before, "before"), (changes.only_after, "now"))
    others = "".join(f"; {count} {when} alone" for count, when in alone if count)
    yield f"{plural(changes.runs, 'run')} in both{others}."
    if not changes.runs:
        return
    if not changes.made_by:
        yield "Code, device and libraries are the same."
    differ = [c for c in changes.figures if c.differs]
    if not differ:
        yield f"All {len(changes.figures)} figures are the same in every run."
        return
    single = sum(c.n == 1 for c in differ)
    noise = f"; {single} of one run alone, whose noise is not known" if single else ""
    sure = sum(c.adjusted is not None and c.adjusted < 0.05 for c in changes.moved)
    yield (
        f"{len(differ)} of {len(changes.figures)} figures differ{noise}; {len(changes.moved)} moved beyond their noise, "
        f"{sure} by Holm's correction."
    )


def _row(change: Change) -> tuple[Cell, ...]:
    unit = change.metric.unit
    before, now = (sum(v) / change.n for v in (change.before, change.after))
    interval = wording.bracket(unit, change.mean, change.interval)
    p, adjusted = views.p_value(change.p), views.p_value(change.adjusted)
    return (
        Cell(change.group.label),
        Cell(change.arm.title),
        Cell(views.metric_title(change.metric)),
        Cell(wording.shown(unit, before)),
        Cell(wording.shown(unit, now)),
        Cell(wording.change(unit, change.mean, change.interval)),
        Cell(interval, f"{p} → {adjusted}"),
        Cell(str(change.n)),
    )
