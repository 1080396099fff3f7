"""Published figures and measured ones, with every known deviation of the protocol."""

from collections.abc import Iterator, Mapping

from acn_bench import wording
from acn_bench.analysis import published
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import arm_title
from acn_bench.analysis.published import PublishedComparison
from acn_bench.reports import views
from acn_bench.reports.model import Block, Bullets, Cell, Column, Note, Rows, Section, Table
from acn_bench.reports.sections.section import ReportSection

_CAPTION = (
    "Mean ± standard deviation; n is the number of measured seeds. The published difference AC − residual has no "
    "interval: the publication gives no runs to pair. The measured one has its 95 % t-interval."
)
_COLUMNS = (
    Column("Metric"),
    Column("Wiring", "label"),
    Column("published"),
    Column("measured"),
    Column("n"),
    Column("measured − published"),
    Column("Protocol", "text"),
    Column("Source", "text"),
)


def build(comparison: Comparison) -> Section | None:
    """One table for the groups that deviate from the publication in the same way."""
    parted: dict[tuple[tuple[str, ...], tuple[str, ...]], list[PublishedComparison]] = {}
    for entry in published.published_comparisons(comparison):
        parted.setdefault((entry.deviations, entry.open), []).append(entry)
    blocks = [block for entries in parted.values() for block in _blocks(entries)]
    title = "Published and measured figures"
    return Section("published", title, tuple(blocks), "Published figures") if blocks else None


def _blocks(entries: list[PublishedComparison]) -> Iterator[Block]:
    first = entries[0]
    if first.same_stream:
        notes = {key: text for entry in entries for key, text in entry.notes.items()}
        marks = {key: f"note {k}" for k, key in enumerate(notes, start=1)}
        parts = tuple(Rows(tuple(_rows(entry, marks)), entry.group.label) for entry in entries)
        yield Table(_COLUMNS, parts, caption=_CAPTION)
        if notes:
            lines = tuple(f"{marks[key]}: {text}" for key, text in notes.items())
            yield Bullets(lines, "Where the publication contradicts itself or its code")
        yield Bullets(first.deviations, "Deviations from the published protocol")
    else:
        labels = "; ".join(entry.group.label for entry in entries)
        sentence = f"Figures were published for {labels}. They are not shown, because these runs are another experiment:"
        yield Bullets(first.deviations, caption=sentence)
    yield Note(f"The publication leaves open, and these runs set: {', '.join(first.open)}.", "how")


def _rows(entry: PublishedComparison, marks: Mapping[str, str]) -> Iterator[tuple[Cell, ...]]:
    """The arms of one metric one after the other, then their difference."""
    for metric in entry.metrics:
        of_metric = (row for row in entry.rows if row.published.metric == metric)
        yield from (_row(entry, row, marks.get(row.published.note, "")) for row in of_metric)
        yield from (_gap(entry, gap) for gap in entry.gaps(metric))


def _row(entry: PublishedComparison, row: published.Row, mark: str) -> tuple[Cell, ...]:
    figure, measured = row.published, row.measured
    metric = entry.group.kind.metric(figure.metric)
    interval = None if figure.spread is None else (-figure.spread, figure.spread)
    gap = wording.NONE
    if measured.mean is not None and figure.mean is not None:
        gap = wording.change(metric.unit, measured.mean - figure.mean, interval)
    return (
        Cell(views.metric_title(metric)),
        Cell(arm_title(figure.wiring), style=views.arm_style(figure.wiring)),
        Cell(figure.words or wording.shown(metric.unit, figure.mean, figure.spread)),
        Cell(wording.shown(metric.unit, measured.mean, measured.spread)),
        Cell(str(measured.n)),
        Cell(gap),
        Cell(_protocol(entry)),
        Cell(figure.source, mark),
    )


def _protocol(entry: PublishedComparison) -> str:
    """Whether the published and the measured figure have the same protocol; a list names each deviation."""
    count = len(entry.deviations)
    return f"not the same: {wording.plural(count, 'deviation')}" if count else "the same"


def _gap(entry: PublishedComparison, gap: published.Gap) -> tuple[Cell, ...]:
    metric, d = entry.group.kind.metric(gap.metric), gap.measured
    interval = wording.bracket(metric.unit, d.mean, d.interval) if d and d.interval else ""
    return (
        Cell(views.metric_title(metric)),
        Cell(f"AC − {arm_title(gap.against)}"),
        Cell(wording.NONE if gap.published is None else wording.change(metric.unit, gap.published)),
        Cell(views.change(metric.unit, d), interval),
        Cell(str(d.n) if d else wording.NONE),
        Cell(_between(metric.unit, gap)),
        Cell(""),
        Cell(""),
    )


def _between(unit: str, gap: published.Gap) -> str:
    """The measured difference less the published one."""
    if gap.measured is None or gap.published is None:
        return ""
    return wording.change(unit, gap.measured.mean - gap.published, gap.measured.interval)


PUBLISHED = ReportSection("published", 70, build)
