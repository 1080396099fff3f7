"""Comparison -> what quality costs: accuracy against work per image and against training time."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Arm, Group, SeedKey, arm_order, kind_of
from acn_bench.reports.figures import style
from acn_bench.reports.figures.style import QUIET, WIDTH
from acn_bench.reports.model import Drawing, Figure

_WORK = (
    "Each dot is one seed: accuracy at the end against the work of one image forward. Filled: the whole network; "
    "hollow: the same weights cut to their utilised depth. Further left at the same height is cheaper at no loss. "
    "Each panel has its own scale."
)
_TIME = (
    "Each dot is one seed: accuracy at the end against wall-clock training time. Both arms see the same images for "
    "the same number of epochs; times compare only between runs on the same device. "
    "Each panel has its own scale."
)


def work(comparison: Comparison) -> Figure | None:
    """Accuracy against FLOPs, whole and cut."""
    groups = [g for g in comparison.groups if any(g.cell(a, "flops").n for a in g.arms)]
    hollow = Line2D([], [], color=QUIET, marker="o", linestyle="", label="cut to utilised depth")
    hollow.set_markerfacecolor("white")
    hollow.set_markeredgecolor(QUIET)
    hollow.set_markeredgewidth(1.1)
    label = "work per image, GFLOPs"
    return _draw(groups, "work", "Accuracy against work per image", _WORK, label, _work, [hollow])


def time(comparison: Comparison) -> Figure | None:
    """Accuracy against seconds of training."""
    label = "training time, s"
    return _draw(
        comparison.groups, "time", "Accuracy against training time", _TIME, label, _time, []
    )


def _draw(
    groups: Sequence[Group],
    name: str,
    title: str,
    caption: str,
    xlabel: str,
    panel: Callable[[Axes, Arm], None],
    extra: list[Line2D],
) -> Figure | None:
    parts = []
    for k, chunk in enumerate(style.chunks(groups, 12)):
        columns = style.columns_for(len(chunk))
        height = 0.35 + (1.75 if columns == 3 else 2.0) * -(-len(chunk) // columns)
        with style.canvas(WIDTH if columns > 1 else 0.62 * WIDTH, height) as figure:
            axes = style.panels(figure, len(chunk), columns, sharey=False)
            for ax, group in zip(axes, chunk, strict=True):
                for arm in group.arms.values():
                    panel(ax, arm)
                style.title(ax, group.label, columns)
                ax.set_xlabel(xlabel)
                ax.set_xlim(0, 1.08 * ax.get_xlim()[1])
                ax.margins(y=0.15)
            for ax in axes[::columns]:
                ax.set_ylabel("accuracy at the end, %")
            style.legend(
                figure,
                sorted({a for g in chunk for a in g.arms}, key=arm_order),
                extra,
                lines=False,
            )
            alt = f"{title}: {'; '.join(g.label for g in chunk)}."
            parts.append(Drawing("", style.svg(figure, f"{name}-{k}"), alt))
    return Figure(name, title, caption, tuple(parts)) if parts else None


def _points(arm: Arm, x: str, y: str) -> dict[SeedKey, tuple[float, float]]:
    """(x, y) of each seed that has both, in the units shown."""
    xs, ys = arm.cell(x).values, arm.cell(y).values
    a, b = (wording.UNITS[kind_of(arm.records[0]).metric(m).unit].scale for m in (x, y))
    return {s: (a * xs[s], b * ys[s]) for s in xs if s in ys}


def _work(ax: Axes, arm: Arm) -> None:
    whole = _points(arm, "flops", "average_accuracy")
    cut = _points(arm, "flops_utilised", "truncated_accuracy")
    look = style.look(arm.name)
    for seeds, (x, y) in whole.items():
        if seeds in cut:
            ax.plot([x, cut[seeds][0]], [y, cut[seeds][1]], color=look.colour, lw=0.8, alpha=0.5)
    for x, y in cut.values():
        ax.plot(x, y, look.marker, ms=5.5, mfc="white", mec=look.colour, mew=1.1, zorder=3)
    for x, y in whole.values():
        ax.plot(x, y, look.marker, ms=5, color=look.colour, alpha=0.9, zorder=4)


def _time(ax: Axes, arm: Arm) -> None:
    look = style.look(arm.name)
    for x, y in _points(arm, "seconds", "average_accuracy").values():
        ax.plot(x, y, look.marker, ms=5, color=look.colour, alpha=0.9)
