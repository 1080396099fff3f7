"""Comparison -> each block's gradient over training, and the share of its direct part (Figures 1 and 2 of the ACN paper)."""

from collections.abc import Callable, Sequence

from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Arm, Group
from acn_bench.benchmarks.supervised.result import GradientNorms
from acn_bench.reports.figures import grid, style
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.figures.grid import Scale
from acn_bench.reports.figures.style import GREYS
from acn_bench.reports.model import Drawing, Figure
from acn_bench.wording import listed, number

_HEIGHT = 110  # points: of a map
_CAPTION = (
    "Row: block, the first one below; column: epoch, at its end; mean over seeds. Above: the block's share of all "
    "blocks' gradient, |FG| of its weights over the sum of these norms. Below: |DG| ÷ (|DG| + |NG|), where DG is the part of "
    "the gradient that reaches the block through its own connection to the output, and NG the part that later blocks "
    "mediate. Of one micro-batch of training images."
)
Map = list[list[float]]  # (L, E)


def draw(comparison: Comparison) -> Figure | None:
    """Two maps for each arm of a group; None where no run recorded its gradients."""
    groups = [g for g in comparison.groups if any(r.result.gradients for r in g.records)]
    parts = tuple(_part(group) for group in groups)
    return Figure("gradients", "Gradient of each block", _CAPTION, parts) if parts else None


def _part(group: Group) -> Drawing:
    arms = [arm for arm in group.arms.values() if all(r.result.gradients for r in arm.records)]
    full, direct = ([_mean(arm, share) for arm in arms] for share in (_of_all, _direct))
    top = max(value for one in full for row in one for value in row)
    axes = [
        *(_map(arm.title, one, top) for arm, one in zip(arms, full, strict=True)),
        *(_map(arm.title, one, 1.0) for arm, one in zip(arms, direct, strict=True)),
    ]
    scales = [
        Scale("share of all blocks' gradient, %", GREYS, (0.0, 100 * top)),
        Scale("direct part, %", GREYS, (0.0, 100.0)),
    ]
    svg = grid.grid(axes, _HEIGHT, columns=max(2, len(arms)), ylabel="block", share=False, scales=scales)  # fmt: skip
    words = [
        f"{arm.title} {number(100 * one[0][-1], 0)} % in its first block, direct part {number(100 * _middle(d), 0)} %"
        for arm, one, d in zip(arms, full, direct, strict=True)
    ]
    return Drawing(group.label, svg, f"Gradient by block, {group.label}; at the end {listed(words)}.")  # fmt: skip


def _of_all(norms: GradientNorms) -> list[float]:
    total = sum(norms.full)
    return [value / total if total else 0.0 for value in norms.full]


def _direct(norms: GradientNorms) -> list[float]:
    pairs = zip(norms.direct, norms.mediated, strict=True)
    return [direct / (direct + other) if direct + other else 0.0 for direct, other in pairs]


def _mean(arm: Arm, share: Callable[[GradientNorms], Sequence[float]]) -> Map:
    """The mean over seeds, (L, E)."""
    runs = [[share(norms) for norms in record.result.gradients] for record in arm.records]
    epochs = [[sum(of) / len(of) for of in zip(*seeds, strict=True)] for seeds in zip(*runs, strict=True)]  # fmt: skip
    return [list(of_block) for of_block in zip(*epochs, strict=True)]


def _middle(values: Map) -> float:
    """The mean over blocks at the last epoch."""
    return sum(row[-1] for row in values) / len(values)


def _map(title: str, values: Map, top: float) -> Axes:
    high, wide = len(values), len(values[0])
    ax = Axes(title)
    cells = [[style.between(GREYS, value / top if top else 0.0) for value in row] for row in values]
    ax.cells(cells[::-1], (0, wide), (high, 0), parted=False)
    ax.x.ticks = [(k + 0.5, str(k + 1)) for k in _shown(wide)]
    ax.y.ticks = [(k + 0.5, str(k + 1)) for k in _shown(high)]
    ax.x.lined = ax.y.lined = False
    ax.x.low, ax.x.high, ax.y.low, ax.y.high = 0, wide, 0, high
    ax.x.label = "epochs"
    return ax


def _shown(count: int) -> list[int]:
    """Places with words: the first, and every few of them."""
    step = -(-count // 6)
    return sorted({0, *range(step - 1, count, step)})
