"""What each strategy's state looks like: its part of the loss, its importances, its memory by class."""

from collections.abc import Iterator, Sequence
from statistics import fmean, median
from typing import TypeVar

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Arm, Group
from acn_bench.benchmarks.continual.record import ContinualRecord
from acn_bench.benchmarks.continual.result import QUANTILES, StrategyMeasures
from acn_bench.reports.model import Cell, Column, Note, Rows, Section, Table
from acn_bench.reports.sections.section import ReportSection

E = TypeVar("E")

SHOWN = (0.5, 0.9, 0.99, 1.0)  # quantiles of the importances
_COLUMNS = (
    Column("Arm", "label"),
    Column("Part of the loss"),
    Column("Importances at their\n50, 90, 99 and 100 %", "text"),
    Column("Importances\nalike"),
    Column("In memory\nper class"),
)
_HOW = (
    "Part of the loss: the mean of what the strategy adds, a penalty or a distillation, ÷ the mean loss, over the "
    "experiences after the first. Importances: quantiles of those that the last experience was trained with, the median of "
    "all seeds. Alike: the share of them within 1 % of their median; where it is near 100 %, the penalty is L2. In memory: the "
    "fewest and the most examples of a class at the end."
)


def build(comparison: Comparison) -> Section | None:
    """One part a group; None where no record has a strategy's measures."""
    parts = tuple(
        Rows(rows, group.label) for group in comparison.groups if (rows := tuple(_rows(group)))
    )
    if not parts:
        return None
    table = Table(_COLUMNS, parts, look="narrow")
    return Section("states", "What the strategies hold", (Note(_HOW, "how"), table), "States")


def part_of_loss(record: ContinualRecord) -> float | None:
    """The mean share of what the strategy adds in the loss, over the experiences after the first; None without."""
    measures, losses = record.result.measures, record.result.train_loss
    if measures is None or not measures.added_loss or len(losses) < 2:
        return None
    pairs = list(zip(measures.added_loss, losses, strict=True))[1:]
    shares = [added / fmean(epochs) for added, epochs in pairs if epochs and fmean(epochs)]
    return fmean(shares) if shares else None


def _rows(group: Group) -> Iterator[tuple[Cell, ...]]:
    for arm in group.arms.values():
        measured = [r.result.measures for r in arm.records if r.result.measures is not None]
        if measured:
            cells = (_loss(arm), _importances(measured), _alike(measured), _memory(measured))
            yield (Cell(arm.title), *map(Cell, cells))


def _loss(arm: Arm) -> str:
    cell = arm.cell_of(part_of_loss)
    if cell.mean is None:
        return wording.NONE
    return f"{100 * cell.mean:.3g}\N{NO-BREAK SPACE}%"


def _importances(measured: Sequence[StrategyMeasures]) -> str:
    last = [_acting(m.importance) for m in measured if m.importance]
    if not last:
        return wording.NONE
    places = [QUANTILES.index(q) for q in SHOWN]
    return ", ".join(f"{median(values[k] for values in last):.2g}" for k in places)


def _alike(measured: Sequence[StrategyMeasures]) -> str:
    shares = [_acting(m.alike) for m in measured if m.alike]
    return f"{100 * fmean(shares):.3g}\N{NO-BREAK SPACE}%" if shares else wording.NONE


def _memory(measured: Sequence[StrategyMeasures]) -> str:
    counts = [n for m in measured if m.memory for n in m.memory[-1] if n]
    if not counts:
        return wording.NONE
    low, high = min(counts), max(counts)
    return f"{low}" if low == high else f"{low} to {high}"


def _acting(entries: Sequence[E]) -> E:
    """The state that the last experience was trained with: that before its own."""
    return entries[-2] if len(entries) > 1 else entries[-1]


STATES = ReportSection("states", 95, build)
