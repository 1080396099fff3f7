"""Comparison -> reliability diagrams: accuracy against confidence, clean and at the highest severity."""

from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Arm, Group
from acn_bench.benchmarks.robustness.report import jpeg_note
from acn_bench.benchmarks.robustness.result import BINS
from acn_bench.reports.figures import grid, style
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.figures.style import FAINT
from acn_bench.reports.model import Drawing, Figure

_CAPTION = (
    "Share of correct predictions against their mean confidence, in 15 bins of equal width, over all seeds of an arm; a "
    "bin of fewer than a hundredth of the predictions is left out. On the grey line a network is as right as it is "
    "confident; below it, it is too confident."
)
FEWEST = 0.01  # share of the predictions that a bin must hold


def draw(comparison: Comparison) -> Figure | None:
    """One row of panels a group."""
    parts = tuple(_part(group) for group in comparison.groups)
    caption = f"{_CAPTION} {jpeg_note(comparison.groups)}".rstrip()
    return Figure("reliability", "Confidence and accuracy", caption, parts) if parts else None


def _part(group: Group) -> Drawing:
    known = sorted({bins.severity for r in group.records for bins in r.result.reliability})
    axes = []
    for severity in dict.fromkeys((known[0], known[-1])):
        ax = Axes(f"corruptions, severity {severity}" if severity else "clean")
        ax.line([0, 100], [0, 100], FAINT, 0.9)
        for arm in group.arms.values():
            _curve(ax, arm, severity)
        ax.x.low = ax.y.low = 0.0
        ax.x.high = ax.y.high = 104.0
        ax.x.label = "confidence, %"
        axes.append(ax)
    legend = grid.arm_entries(list(group.arms))
    svg = grid.grid(axes, 130, columns=2, width=150, legend=legend, ylabel="accuracy, %")
    alt = f"Accuracy against confidence, {group.label}, in {BINS} bins."
    return Drawing(group.label, svg, alt)


def _curve(ax: Axes, arm: Arm, severity: int) -> None:
    tables = [b for r in arm.records for b in r.result.reliability if b.severity == severity]
    count, correct, confidence = (
        [sum(column) for column in zip(*(getattr(t, part) for t in tables), strict=True)]
        for part in ("count", "correct", "confidence")
    )
    full = [k for k, n in enumerate(count) if n and n >= FEWEST * sum(count)]
    xs = [100 * confidence[k] / count[k] for k in full]
    ys = [100 * correct[k] / count[k] for k in full]
    look = style.look(arm.name)
    ax.line(xs, ys, look.colour, 1.4, look.dash)
    ax.markers(xs, ys, look.marker, look.colour, 4)
