"""Comparison -> accuracy against the level of each noise."""

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Arm, Group
from acn_bench.benchmarks.supervised import measures
from acn_bench.reports.figures import grid, panels
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.figures.panels import SHADE
from acn_bench.reports.model import Drawing, Figure

_AXES = {  # noise -> what its level is
    "gaussian": "standard deviation σ of the noise",
    "salt_and_pepper": "share altered",
}
_CAPTION = (
    "Test accuracy at full depth as noise is added to the test images; level 0 is the clean images. Arms share seeds, so "
    f"their paired difference (table of noise) is known better than two shades that overlap suggest. {SHADE} Dotted: "
    "chance level."
)


def draw(comparison: Comparison) -> Figure | None:
    """One row of panels a group, one panel a noise."""
    groups = [g for g in comparison.groups if g.config.benchmark.noise]
    top = max((measures.accuracy(r) for g in groups for r in g.records), default=0.0)
    parts = tuple(_part(group, top) for group in groups)
    return Figure("noise", "Accuracy under noise", _CAPTION, parts) if parts else None


def _part(group: Group, top: float) -> Drawing:
    noise = list(group.config.benchmark.noise)
    axes = []
    for name in noise:
        ax = Axes(wording.key(name))
        for arm in group.arms.values():
            _curve(ax, arm, name)
        panels.accuracy_axis(ax, top, measures.chance(group.records[0]))
        ax.x.label = _AXES.get(name, "level")
        axes.append(ax)
    legend = grid.arm_entries(list(group.arms))
    svg = grid.grid(axes, 110, columns=max(2, len(noise)), legend=legend, ylabel="accuracy, %")
    words = wording.listed([wording.key(name) for name in noise])
    return Drawing(group.label, svg, f"Accuracy against the level of {words}, {group.label}.")


def _curve(ax: Axes, arm: Arm, name: str) -> None:
    curves = [
        {0.0: measures.accuracy(r)}
        | {n.level: n.top1[-1] / r.result.rows.test for n in measures.noise(name)(r)}
        for r in arm.records
    ]
    xs = sorted(curves[0])
    panels.line(ax, xs, [[curve[x] for x in xs] for curve in curves], arm.name)
