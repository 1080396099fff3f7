"""Comparison -> a metric against a setting of the task that several groups differ in: classes, images a class."""

from collections.abc import Iterator, Sequence

import msgspec

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Group, arm_order
from acn_bench.analysis.metric import Metric
from acn_bench.reports.figures import grid, style
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.model import Drawing, Figure

_CAPTION = (
    "One dot a seed, one line an arm through the means; every value is a network of its own, trained from its own "
    "initial weights, and the arms of a seed share the images."
)
_AXES = {"classes": "classes", "per_class": "training images of each class"}
PANELS = 12  # of a drawing

Series = Sequence[Group]  # by the setting


def draw(comparison: Comparison, setting: str, metric_name: str) -> Figure | None:
    """One panel for all groups that differ in the setting alone; None where it was not varied."""
    metric = comparison.kind.metric(metric_name)
    parted: dict[tuple[bytes, str], list[Group]] = {}
    for group in comparison.groups:
        if any(group.cell(arm, metric.name).n for arm in group.arms):
            parted.setdefault(_but(group, setting), []).append(group)
    series = [sorted(s, key=lambda g: _value(g, setting)) for s in parted.values() if len(s) > 1]
    if not series:
        return None
    title = f"{metric.title} by {_AXES[setting]}"
    parts = tuple(_parts(metric, setting, series, title))
    return Figure(f"{metric.name}-{setting}", title, _CAPTION, parts)


def _value(group: Group, setting: str) -> int:
    """The value; where it is null, what the run had: all classes, or the mean number of rows of a class."""
    value: int | None = getattr(group.config.benchmark, setting)
    if value is not None:
        return value
    result = group.records[0].result
    classes: int = result.classes
    return classes if setting == "classes" else round(result.rows.train / classes)


def _but(group: Group, setting: str) -> tuple[bytes, str]:
    """What the groups of a panel share."""
    raw = msgspec.to_builtins(group.config)
    del (
        raw["seeds"],
        raw["benchmark"][setting],
        raw["benchmark"]["scheme"],
        raw["backbone"]["wiring"],
    )
    return msgspec.json.encode(raw, order="deterministic"), group.code[:8]


def _parts(metric: Metric, setting: str, series: Sequence[Series], title: str) -> Iterator[Drawing]:
    """All panels on one scale."""
    axes = [_panel(metric, setting, one) for one in series]
    grid.share_scales(axes)
    for ax in axes:
        ax.y.low = min(0.0, ax.y.limits[0])
    for start in range(0, len(series), PANELS):
        shown, drawn = series[start : start + PANELS], axes[start : start + PANELS]
        columns = style.columns_for(len(shown))
        arms = sorted({a for one in shown for g in one for a in g.arms}, key=arm_order)
        svg = grid.grid(
            drawn,
            82 if columns == 3 else 106,
            columns=columns,
            legend=grid.arm_entries(arms),
            ylabel=f"{metric.title.lower()}, {wording.UNITS[metric.unit].word}",
        )
        yield Drawing("", svg, f"{title}: {'; '.join(_title(one) for one in shown)}.")


def _title(series: Series) -> str:
    words = [set(group.label.split(" · ")) for group in series]
    shared = set.intersection(*words)
    return " · ".join(word for word in series[0].label.split(" · ") if word in shared)


def _panel(metric: Metric, setting: str, series: Series) -> Axes:
    scale, ax = wording.UNITS[metric.unit].scale, Axes(_title(series))
    for arm in sorted({a for g in series for a in g.arms}, key=arm_order):
        look = style.look(arm)
        cells = [(_value(g, setting), g.cell(arm, metric.name)) for g in series]
        means = [(x, c.mean * scale) for x, c in cells if c.mean is not None]
        ax.line([x for x, _ in means], [m for _, m in means], look.colour, 1.6, look.dash)
        seeds = [(x, v * scale) for x, c in cells for v in c.values.values()]
        ax.markers([x for x, _ in seeds], [v for _, v in seeds], look.marker, look.colour, 4, opacity=0.75)  # fmt: skip
    values = [_value(g, setting) for g in series]
    ax.x.label, ax.x.margin, ax.x.ticks = _AXES[setting], 0.12, [(x, str(x)) for x in values]
    return ax
