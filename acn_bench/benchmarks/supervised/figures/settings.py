"""Comparison -> a metric against a setting of the task that several groups differ in: classes, images a class."""

from collections.abc import Sequence

import msgspec

from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Group
from acn_bench.reports.figures.sweeps import Setting, drawings
from acn_bench.reports.model import Figure

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
    of_setting = Setting(_AXES[setting], lambda group: _value(group, setting), _title, PANELS)
    parts = tuple(drawings(metric, of_setting, series, title))
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


def _title(series: Series) -> str:
    words = [set(group.label.split(" · ")) for group in series]
    shared = set.intersection(*words)
    return " · ".join(word for word in series[0].label.split(" · ") if word in shared)
