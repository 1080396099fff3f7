"""Comparison -> a metric against the number of blocks, where a sweep over depth was run."""

from collections.abc import Sequence

import msgspec
from matplotlib.axes import Axes

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Group, arm_order
from acn_bench.analysis.metric import Metric
from acn_bench.reports.figures import style
from acn_bench.reports.figures.style import WIDTH
from acn_bench.reports.model import Drawing, Figure

_CAPTION = (
    "One dot a seed, one line an arm through the means; every depth is a network of its own, trained from its own "
    "initial weights."
)


def draw(comparison: Comparison, metric_name: str) -> Figure | None:
    """One panel for all groups that differ in depth alone; None where depth was not swept."""
    metric = comparison.kind.metric(metric_name)
    sweeps: dict[tuple[bytes, str], list[Group]] = {}
    for group in comparison.groups:
        if group.depth is not None and any(group.cell(a, metric.name).n for a in group.arms):
            sweeps.setdefault(_but_depth(group), []).append(group)
    panels = [sorted(s, key=lambda g: g.depth or 0) for s in sweeps.values() if len(s) > 1]
    if not panels:
        return None
    part = _part(metric, panels)
    return Figure(f"{metric.name}-sweep", f"{metric.title} by depth", _CAPTION, (part,))


def _but_depth(group: Group) -> tuple[bytes, str]:
    raw = msgspec.to_builtins(group.config)
    del raw["seeds"], raw["backbone"]["depth"], raw["backbone"]["wiring"]
    return msgspec.json.encode(raw, order="deterministic"), group.code[:8]


def _part(metric: Metric, sweeps: Sequence[Sequence[Group]]) -> Drawing:
    columns = style.columns_for(len(sweeps))
    height = 0.35 + (1.75 if columns == 3 else 2.1) * -(-len(sweeps) // columns)
    with style.canvas(WIDTH if columns > 1 else 0.62 * WIDTH, height) as figure:
        axes = style.panels(figure, len(sweeps), columns)
        for ax, sweep in zip(axes, sweeps, strict=True):
            _panel(ax, metric, sweep, columns)
        axes[0].set_ylim(bottom=min(0.0, axes[0].get_ylim()[0]))  # shared: once all have drawn
        for ax in axes[::columns]:
            ax.set_ylabel(f"{metric.title.lower()}, {wording.UNITS[metric.unit].word}")
        arms = sorted({a for s in sweeps for g in s for a in g.arms}, key=arm_order)
        style.legend(figure, arms)
        alt = f"{metric.title} by depth: {'; '.join(_title(s) for s in sweeps)}."
        return Drawing("", style.svg(figure, f"{metric.name}-sweep"), alt)


def _title(sweep: Sequence[Group]) -> str:
    words = [w for w in sweep[0].label.split(" · ") if not w.startswith("depth ")]
    return " · ".join(words)


def _panel(ax: Axes, metric: Metric, sweep: Sequence[Group], columns: int) -> None:
    scale = wording.UNITS[metric.unit].scale
    for arm in sorted({a for g in sweep for a in g.arms}, key=arm_order):
        look = style.look(arm)
        cells = [(g.depth or 0, g.cell(arm, metric.name)) for g in sweep]
        means = [(d, c.mean * scale) for d, c in cells if c.mean is not None]
        ax.plot(
            [d for d, _ in means], [m for _, m in means], color=look.colour, linestyle=look.dash
        )
        for depth, cell in cells:
            values = [v * scale for v in cell.values.values()]
            ax.plot([depth] * len(values), values, look.marker, color=look.colour, alpha=0.75)
    ax.set_xticks([g.depth or 0 for g in sweep])
    ax.set_xlabel("blocks")
    style.title(ax, _title(sweep), columns)
    ax.margins(x=0.12)
