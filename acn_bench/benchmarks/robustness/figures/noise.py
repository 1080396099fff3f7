"""Comparison -> accuracy against the level of each noise, with 95 % intervals over seeds."""

from acn_bench import wording
from acn_bench.analysis import statistics
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Arm, Group
from acn_bench.benchmarks.robustness import measures
from acn_bench.reports.figures import grid, panels, style
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.model import Drawing, Figure

_AXES = {  # noise -> what its level is
    "gaussian": "standard deviation σ of the noise",
    "salt_and_pepper": "share altered",
}
_CAPTION = (
    "Test accuracy at full depth as noise is added to the test images; level 0 is the clean images. The line is the mean "
    "over seeds, the shade its 95 % t-interval; arms share seeds, so their paired difference (table of conditions) is "
    "known better than two shades that overlap suggest. Dotted: chance level."
)


def draw(comparison: Comparison) -> Figure | None:
    """One row of panels a group, one panel a noise."""
    groups = [g for g in comparison.groups if g.config.benchmark.noise]
    top = max((r.result.clean.accuracy[-1] for g in groups for r in g.records), default=0.0)
    parts = tuple(_part(group, top) for group in groups)
    return Figure("noise", "Accuracy under noise", _CAPTION, parts) if parts else None


def _part(group: Group, top: float) -> Drawing:
    noise = list(group.config.benchmark.noise)
    axes = []
    for kind in noise:
        ax = Axes(wording.key(kind))
        for arm in group.arms.values():
            _curve(ax, arm, kind)
        panels.accuracy_axis(ax, top, measures.chance(group.records[0]))
        ax.x.label = _AXES.get(kind, "level")
        axes.append(ax)
    legend = grid.arm_entries(list(group.arms))
    columns = max(2, len(noise))
    svg = grid.grid(axes, 110, columns=columns, legend=legend, ylabel="accuracy, %")
    words = wording.listed([wording.key(kind) for kind in noise])
    alt = f"Accuracy against the level of {words}, {group.label}: {_ends(group)}."
    return Drawing(group.label, svg, alt)


def _curve(ax: Axes, arm: Arm, kind: str) -> None:
    curves = []
    for record in arm.records:
        levels = {s.level: s.accuracy[-1] for s in measures.noise(kind)(record)}
        curves.append({0.0: record.result.clean.accuracy[-1]} | levels)
    xs = sorted(curves[0])
    rows = [[curve[x] for x in xs] for curve in curves]
    intervals = [statistics.t_interval(column) for column in zip(*rows, strict=True)]
    known = [(x, *interval) for x, interval in zip(xs, intervals, strict=True) if interval]
    if known:
        low, high = ([100 * ends[k] for ends in known] for k in (1, 2))
        ax.band([x for x, *_ in known], low, high, style.look(arm.name).colour)
    panels.line(ax, xs, rows, arm.name, shade=False)


def _ends(group: Group) -> str:
    words = []
    for arm in group.arms.values():
        value = arm.cell_of(lambda r: measures.mean(r.result.noise)).mean
        if value is not None:
            words.append(f"{arm.title} {100 * value:.1f} % over all levels")
    return ", ".join(words)
