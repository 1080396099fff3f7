"""Published figures and measured ones, with every known deviation of the protocol."""

from collections.abc import Iterator

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
    Column("Wiring", "text"),
    Column("published"),
    Column("measured"),
    Column("n"),
    Column("measured − published"),
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
        parts = tuple(Rows(tuple(_rows(entry)), entry.group.label) for entry in entries)
        yield Table(_COLUMNS, parts, caption=_CAPTION)
        yield Bullets(first.deviations, "Deviations from the published protocol")
    else:
        labels = "; ".join(entry.group.label for entry in entries)
        sentence = f"Figures were published for {labels}. They are not shown, because these runs are another experiment:"
        yield Bullets(first.deviations, caption=sentence)
    yield Note(f"The publication leaves open, and these runs set: {', '.join(first.open)}.", "how")


def _rows(entry: PublishedComparison) -> Iterator[tuple[Cell, ...]]:
    """The arms of one metric one after the other, then their difference."""
    for metric in entry.metrics:
        yield from (_row(entry, row) for row in entry.rows if row.published.metric == metric)
        yield from (_gap(entry, gap) for gap in entry.gaps(metric))


def _row(entry: PublishedComparison, row: published.Row) -> tuple[Cell, ...]:
    figure, measured = row.published, row.measured
    metric = entry.group.kind.metric(figure.metric)
    interval = None if figure.spread is None else (-figure.spread, figure.spread)
    gap = wording.NONE
    if measured.mean is not None:
        gap = wording.change(metric.unit, measured.mean - figure.mean, interval)
    return (
        Cell(views.metric_title(metric)),
        Cell(arm_title(figure.wiring), style=views.arm_style(figure.wiring)),
        Cell(wording.shown(metric.unit, figure.mean, figure.spread)),
        Cell(wording.shown(metric.unit, measured.mean, measured.spread)),
        Cell(str(measured.n)),
        Cell(gap),
        Cell(figure.source),
    )


def _gap(entry: PublishedComparison, gap: published.Gap) -> tuple[Cell, ...]:
    metric, d = entry.group.kind.metric(gap.metric), gap.measured
    measured = views.change(metric.unit, d)
    if d is not None and d.interval is not None:
        measured += f" {wording.bracket(metric.unit, d.mean, d.interval)}"
    return (
        Cell(views.metric_title(metric)),
        Cell(f"AC − {arm_title(gap.against)}"),
        Cell(wording.change(metric.unit, gap.published)),
        Cell(measured),
        Cell(str(d.n) if d else wording.NONE),
        Cell(""),
        Cell(""),
    )


PUBLISHED = ReportSection("published", 70, build)
