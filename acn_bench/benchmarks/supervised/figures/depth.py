"""Comparison -> accuracy by depth, with the utilised depth of each arm."""

from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.depth_metrics import depth_curve
from acn_bench.analysis.groups import Group
from acn_bench.reports.figures import panels
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.figures.panels import SHADE, UTILISED
from acn_bench.reports.model import Figure

_CAPTION = (
    f"Test accuracy with the head after 0, 1, … blocks, of the same network and the same pass. {UTILISED} {SHADE} Dotted: "
    "chance level."
)


def draw(comparison: Comparison) -> Figure | None:
    """One panel a group whose networks have depths."""
    groups = [
        g for g in comparison.groups if all(depth_curve(r, "test") is not None for r in g.records)
    ]
    return panels.draw(groups, "depth", "Accuracy by depth", _CAPTION, _panel, _top, "accuracy, %")


def _panel(ax: Axes, group: Group) -> None:
    for arm in group.arms.values():
        rows = [depth_curve(r, "test") or [] for r in arm.records]
        panels.line(ax, range(len(rows[0])), rows, arm.name, marker=False)
    panels.utilised(ax, group)
    panels.blocks_axis(ax)


def _top(group: Group) -> float:
    return max(max(depth_curve(r, "test") or [0.0]) for r in group.records)
