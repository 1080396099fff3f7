"""Comparison -> line charts: over the stream, over depth, over epochs."""

from collections import Counter
from collections.abc import Sequence

from acn_bench import metrics
from acn_bench.analysis import depth_metrics, statistics
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Arm, Group
from acn_bench.benchmarks.continual import definitions
from acn_bench.benchmarks.continual import metrics as continual
from acn_bench.record import Record
from acn_bench.reports.figures import grid, panels, style
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.figures.panels import SHADE, Series
from acn_bench.reports.figures.style import FAINT
from acn_bench.reports.model import Drawing, Figure
from acn_bench.wording import number

INTERVALS = 0.97  # of a panel's height: the first arm's interval of utilised depth
Streams = list[list[tuple[int, float]]]  # for each experience (experiences learned, accuracy)

# ---------------------------------------------------------------- one panel a group


def seen(comparison: Comparison) -> Figure | None:
    """Mean accuracy over the experiences seen so far, along the stream."""

    def series(record: Record) -> Series:
        R = record.result.accuracy
        return [metrics.mean(R[i][: i + 1]) for i in range(len(R))]

    def panel(ax: Axes, group: Group) -> None:
        for arm in group.arms.values():
            rows = [series(r) for r in arm.records]
            panels.line(ax, range(1, len(rows[0]) + 1), rows, arm.name)
        panels.experiences_axis(ax, len(group.records[0].result.accuracy))

    groups = [
        g for g in comparison.groups if any(definitions.learned_in_turn(r) for r in g.records)
    ]
    return panels.draw(
        groups,
        "seen",
        "Accuracy over all experiences seen so far",
        "Each point is the mean test accuracy over the experiences learned so far: a line that falls is "
        f"forgetting, or later experiences that are harder. {SHADE} Dotted: chance level.",
        panel,
        lambda group: max(definitions.highest_accuracy(r) for r in group.records),
        "mean accuracy, %",
    )


def depth(comparison: Comparison) -> Figure | None:
    """Accuracy of the final model with the head after 0 … L blocks."""
    groups = [g for g in comparison.groups if any(_has_depth(r) for r in g.records)]

    def panel(ax: Axes, group: Group) -> None:
        for offset, arm in enumerate(group.arms.values()):
            rows = [c for r in arm.records if (c := depth_metrics.depth_curve(r, "test"))]
            if not rows:
                continue
            panels.line(ax, range(len(rows[0])), rows, arm.name)
            probed = [c for r in arm.records if (c := continual.probe_curve(r))]
            if probed:
                panels.line(
                    ax, range(len(probed[0])), probed, arm.name,
                    marker=False, shade=False, width=0.8,
                )  # fmt: skip
            used = [k for r in arm.records if (k := depth_metrics.utilised_depth(r)) is not None]
            _mark(ax, used, arm.name, offset)
            if interval := statistics.t_interval(used):
                share = INTERVALS - 0.04 * offset
                ax.span_above(interval, share, style.look(arm.name).colour, 1.4)
        panels.blocks_axis(ax)

    probes = any(continual.probe_curve(r) for g in groups for r in g.records)
    thin = (
        "Thin lines: a linear classifier of its own for each depth, fitted on the frozen features of the training "
        "rows. "
    )
    return panels.draw(
        groups,
        "depth",
        "How many blocks the final model needs",
        "Test accuracy of the final model, mean over experiences, with the head after 0, 1, … blocks; "
        "nothing is trained again. Triangles on the axis: utilised depth, one a seed, the fewest blocks within "
        "one point of full depth on held-out rows; the bar at the top is the 95 % t-interval of their mean. "
        f"{SHADE} {thin if probes else ''}Dotted: chance level.",
        panel,
        lambda group: max(
            max((depth_metrics.depth_curve(r, "test") or [0.0]) + (continual.probe_curve(r) or []))
            for r in group.records
        ),
        "accuracy, %",
    )


def _has_depth(record: Record) -> bool:
    return depth_metrics.depth_curve(record, "test") is not None


def _mark(ax: Axes, used: Sequence[int], arm: str, offset: int) -> None:
    """A triangle a seed at its utilised depth; those at one place stand above each other."""
    count, at = Counter[int](), []
    for k in used:
        at.append((k + 0.16 * (offset - 0.5), 0.035 + 0.055 * count[k]))
        count[k] += 1
    ax.markers_above([x for x, _ in at], [y for _, y in at], "v", style.look(arm).colour, 5)


def loss(comparison: Comparison) -> Figure | None:
    """Training loss over the epochs of the stream."""
    groups = [g for g in comparison.groups if any(r.result.train_loss for r in g.records)]

    def panel(ax: Axes, group: Group) -> None:
        stream = group.records[0].result.train_loss
        ends = [sum(len(e) for e in stream[:i]) for i in range(1, len(stream))]
        ax.uprights([end + 0.5 for end in ends], FAINT, 0.6)
        for arm in group.arms.values():
            rows = [[v for e in r.result.train_loss for v in e] for r in arm.records]
            panels.line(
                ax, range(1, len(rows[0]) + 1), rows, arm.name, marker=False, width=1.1, scale=1.0
            )
        ax.x.label = "epochs of training"

    return panels.draw(
        groups,
        "loss",
        "Training loss",
        "Mean training loss of each epoch; upright lines part the experiences, and the loss jumps up where new "
        f"classes arrive. {SHADE}",
        panel,
        None,
        "training loss",
    )


# ---------------------------------------------------------------- one row a group


def experiences(comparison: Comparison) -> Figure | None:
    """The accuracy on each single experience over the stream, one panel an arm."""
    drawn = [(g, {a.name: _streams(a) for a in g.arms.values()}) for g in comparison.groups]
    drawn = [(group, streams) for group, streams in drawn if any(streams.values())]
    top = max((definitions.highest_accuracy(r) for g, _ in drawn for r in g.records), default=0.0)
    parts = [_experiences(group, streams, top) for group, streams in drawn]
    caption = (
        "Each thin line follows one experience from the moment it was learned, mean over seeds; the strong line "
        "is the mean over the experiences seen so far. The steeper the thin lines fall, the more is forgotten."
    )
    title = "Each experience over the stream"
    return Figure("experiences", title, caption, tuple(parts)) if parts else None


def _streams(arm: Arm) -> Streams:
    """For each experience the points (experiences learned, mean accuracy over seeds) that were measured."""
    matrices = [r.result.accuracy for r in arm.records]
    streams: Streams = [[] for _ in matrices[0]]
    for i, rows in enumerate(zip(*matrices, strict=True)):
        learned = zip(*(row[: i + 1] for row in rows), strict=True)
        for stream, values in zip(streams, learned, strict=False):
            if None not in values:
                stream.append((i + 1, sum(values) / len(values)))
    return [s for s in streams if len(s) > 1]


def _experiences(group: Group, streams: dict[str, Streams], top: float) -> Drawing:
    arms = list(group.arms.values())
    columns = min(3, max(2, len(arms)))
    axes = [_followed(group, arm, streams[arm.name], top) for arm in arms]
    ends = [f"{a.title} {_end(a)}" for a in arms]
    return Drawing(
        group.label,
        grid.grid(axes, 96, columns=columns, ylabel="accuracy, %"),
        f"Accuracy on each experience over the stream, {group.label}; at the end on average: "
        f"{', '.join(ends)}.",
    )


def _followed(group: Group, arm: Arm, measured: Streams, top: float) -> Axes:
    """The experiences of one arm."""
    ax, colour = Axes(arm.title), style.look(arm.name).colour
    streams = [[(x, 100 * y) for x, y in stream] for stream in measured]
    ax.lines(streams, colour, 0.8, opacity=0.45)
    starts = [stream[0] for stream in streams]
    ax.markers([x for x, _ in starts], [y for _, y in starts], "o", colour, 2.5, edge_width=0, opacity=0.6)  # fmt: skip
    rows = [
        [metrics.mean(R[: i + 1]) for i, R in enumerate(r.result.accuracy)] for r in arm.records
    ]
    panels.line(ax, range(1, len(rows[0]) + 1), rows, arm.name, width=2.2, shade=False)
    panels.accuracy_axis(ax, top, definitions.chance(group.records[0]))
    panels.experiences_axis(ax, len(group.records[0].result.accuracy))
    return ax


def _end(arm: Arm) -> str:
    value = arm.cell("average_accuracy").mean
    return "not measured" if value is None else f"{number(100 * value, 1)} %"
