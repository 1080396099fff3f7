"""Comparison -> a metric against the number of blocks, or another setting, where a sweep over it was run."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

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
    title = f"{metric.title} by depth"
    return Figure(
        f"{metric.name}-sweep", title, _CAPTION, tuple(drawings(metric, _DEPTH, sweeps, title))
    )


def _but_depth(group: Group) -> tuple[bytes, str]:
    raw = msgspec.to_builtins(group.config)
    del raw["seeds"], raw["backbone"]["depth"]
    for name in group.config.backbone.of_arm:
        del raw["backbone"][name]
    return msgspec.json.encode(raw, order="deterministic"), group.code[:8]


def _but_depth_label(sweep: Sweep) -> str:
    words = [w for w in sweep[0].label.split(" · ") if not w.startswith("depth ")]
    return " · ".join(words)


# ---------------------------------------------------------------- any setting


@dataclass(frozen=True)
class Setting:
    """What the groups of a panel differ in."""

    label: str  # of the horizontal axis
    value: Callable[[Group], int]
    title: Callable[[Sweep], str]  # of a panel
    panels: int  # of a drawing, at most


_DEPTH = Setting("blocks", lambda group: group.depth or 0, _but_depth_label, PANELS)


def drawings(
    metric: Metric, setting: Setting, sweeps: Sequence[Sweep], title: str
) -> Iterator[Drawing]:
    """A panel for each sweep, its groups in the order of the setting; all panels on one scale."""
    axes = [_panel(metric, setting, sweep) for sweep in sweeps]
    grid.share_scales(axes)
    for ax in axes:
        ax.y.low = min(0.0, ax.y.limits[0])
    for start in range(0, len(sweeps), setting.panels):
        end = start + setting.panels
        shown, panels = sweeps[start:end], axes[start:end]
        columns = style.columns_for(len(shown))
        arms = sorted({a for s in shown for g in s for a in g.arms}, key=arm_order)
        svg = grid.grid(
            panels,
            82 if columns == 3 else 106,
            columns=columns,
            legend=grid.arm_entries(arms),
            ylabel=f"{metric.title.lower()}, {wording.UNITS[metric.unit].word}",
        )
        yield Drawing("", svg, f"{title}: {'; '.join(setting.title(s) for s in shown)}.")


def _panel(metric: Metric, setting: Setting, sweep: Sweep) -> Axes:
    scale, ax = wording.UNITS[metric.unit].scale, Axes(setting.title(sweep))
    for arm in sorted({a for g in sweep for a in g.arms}, key=arm_order):
        look = style.look(arm)
        cells = [(setting.value(g), g.cell(arm, metric.name)) for g in sweep]
        means = [(x, c.mean * scale) for x, c in cells if c.mean is not None]
        ax.line([x for x, _ in means], [m for _, m in means], look.colour, 1.6, look.dash)
        seeds = [(x, v * scale) for x, c in cells for v in c.values.values()]
        ax.markers([x for x, _ in seeds], [v for _, v in seeds], look.marker, look.colour, 4, opacity=0.75)  # fmt: skip
    values = [setting.value(g) for g in sweep]
    ax.x.label, ax.x.margin, ax.x.ticks = setting.label, 0.12, [(x, str(x)) for x in values]
    return ax
