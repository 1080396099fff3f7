"""Comparison -> a metric against the number of blocks, where a sweep over depth was run."""

from collections.abc import Iterator, Sequence

import msgspec

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Group, arm_order
from acn_bench.analysis.metric import Metric
from acn_bench.reports.figures import grid, style
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.model import Drawing, Figure

Sweep = Sequence[Group]  # by depth

PANELS = 18  # of a drawing: what fits on one page
_CAPTION = (
    "One dot a seed, one line an arm through the means; every depth is a network of its own, trained from its own "
    "initial weights."
)


def draw(comparison: Comparison, metric_name: str) -> Figure | None:
    """One panel for all groups that differ in depth alone; None where depth was not swept."""
    metric = comparison.kind.metric(metric_name)
    parted: dict[tuple[bytes, str], list[Group]] = {}
    for group in comparison.groups:
        if group.depth is not None and any(group.cell(a, metric.name).n for a in group.arms):
            parted.setdefault(_but_depth(group), []).append(group)
    sweeps = [sorted(s, key=lambda g: g.depth or 0) for s in parted.values() if len(s) > 1]
    if not sweeps:
        return None
    parts = tuple(_parts(metric, sweeps))
    return Figure(f"{metric.name}-sweep", f"{metric.title} by depth", _CAPTION, parts)


def _but_depth(group: Group) -> tuple[bytes, str]:
    raw = msgspec.to_builtins(group.config)
    del raw["seeds"], raw["backbone"]["depth"], raw["backbone"]["wiring"]
    return msgspec.json.encode(raw, order="deterministic"), group.code[:8]


def _parts(metric: Metric, sweeps: Sequence[Sweep]) -> Iterator[Drawing]:
    """All panels on one scale."""
    axes = [_panel(metric, sweep) for sweep in sweeps]
    grid.share_scales(axes)
    for ax in axes:
        ax.y.low = min(0.0, ax.y.limits[0])
    for start in range(0, len(sweeps), PANELS):
        shown, panels = sweeps[start : start + PANELS], axes[start : start + PANELS]
        columns = style.columns_for(len(shown))
        arms = sorted({a for s in shown for g in s for a in g.arms}, key=arm_order)
        svg = grid.grid(
            panels,
            82 if columns == 3 else 106,
            columns=columns,
            legend=grid.arm_entries(arms),
            ylabel=f"{metric.title.lower()}, {wording.UNITS[metric.unit].word}",
        )
        yield Drawing("", svg, f"{metric.title} by depth: {'; '.join(_title(s) for s in shown)}.")


def _title(sweep: Sweep) -> str:
    words = [w for w in sweep[0].label.split(" · ") if not w.startswith("depth ")]
    return " · ".join(words)


def _panel(metric: Metric, sweep: Sweep) -> Axes:
    scale, ax = wording.UNITS[metric.unit].scale, Axes(_title(sweep))
    for arm in sorted({a for g in sweep for a in g.arms}, key=arm_order):
        look = style.look(arm)
        cells = [(g.depth or 0, g.cell(arm, metric.name)) for g in sweep]
        means = [(d, c.mean * scale) for d, c in cells if c.mean is not None]
        ax.line([d for d, _ in means], [m for _, m in means], look.colour, 1.6, look.dash)
        seeds = [(d, v * scale) for d, c in cells for v in c.values.values()]
        ax.markers([d for d, _ in seeds], [v for _, v in seeds], look.marker, look.colour, 4, opacity=0.75)  # fmt: skip
    depths = [g.depth or 0 for g in sweep]
    ax.x.label, ax.x.margin, ax.x.ticks = "blocks", 0.12, [(d, str(d)) for d in depths]
    return ax
