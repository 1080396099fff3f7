"""Comparison -> accuracy against the work of one image: every cut of a network, and its early exits."""

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.depth_metrics import depth_curve
from acn_bench.analysis.groups import Arm, Group
from acn_bench.benchmarks.supervised import measures
from acn_bench.benchmarks.supervised.record import SupervisedRecord
from acn_bench.reports.figures import panels, style
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.model import Figure

_CAPTION = (
    "Test accuracy against the work of one image forward, mean over seeds. A line joins the cuts of one network after "
    "1, 2, … blocks; its large marker is the cut at utilised depth. Separate markers are early exit, one a threshold."
)
_SCALE = wording.UNITS["GFLOPs"].scale

Point = tuple[float, float]  # (FLOPs, accuracy)


def draw(comparison: Comparison) -> Figure | None:
    """One panel a group whose networks have depths."""
    groups = [
        g for g in comparison.groups if all(depth_curve(r, "test") is not None for r in g.records)
    ]
    title = "Accuracy against work"
    return panels.draw(groups, "cost-accuracy", title, _CAPTION, _panel, _top, "accuracy, %")


def _panel(ax: Axes, group: Group) -> None:
    for arm in group.arms.values():
        look, cuts = style.look(arm.name), _mean([_cuts(r) for r in arm.records])
        ax.line([x for x, _ in cuts], [y for _, y in cuts], look.colour, 1.4, look.dash)
        used = _cut(arm)
        if used:
            ax.markers([used[0]], [used[1]], look.marker, look.colour, 7)
        exits = _mean([_exits(r) for r in arm.records])
        ax.markers([x for x, _ in exits], [y for _, y in exits], look.marker, look.colour, 4, opacity=0.75)  # fmt: skip
    ax.x.label, ax.x.low, ax.x.most = "GFLOPs an image", 0.0, 5


def _cuts(record: SupervisedRecord) -> list[Point]:
    curve = depth_curve(record, "test") or []
    return [(f * _SCALE, 100 * a) for f, a in zip(record.result.flops, curve, strict=True)][1:]


def _exits(record: SupervisedRecord) -> list[Point]:
    counts = record.result.exits.counts if record.result.exits else []
    full, tests = record.result.flops[-1] * _SCALE, record.result.rows.test
    return [
        (full / measures.exit_speed_up(record, c), 100 * sum(c.correct) / tests) for c in counts
    ]


def _cut(arm: Arm) -> Point | None:
    """The network cut to its utilised depth, mean over seeds."""
    flops, accuracy = arm.cell("flops_utilised").mean, arm.cell("truncated_accuracy").mean
    return None if flops is None or accuracy is None else (flops * _SCALE, 100 * accuracy)


def _mean(rows: list[list[Point]]) -> list[Point]:
    """Of each point over seeds."""
    return [
        (sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points))
        for points in zip(*rows, strict=True)
    ]


def _top(group: Group) -> float:
    return max(max(depth_curve(r, "test") or [0.0]) for r in group.records)
