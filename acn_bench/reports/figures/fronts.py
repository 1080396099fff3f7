"""Comparison -> quality against what it costs, with the Pareto front of whole and truncated networks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.final_model import final_model
from acn_bench.analysis.groups import Arm, Group, arm_order
from acn_bench.reports.figures import grid, style
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.figures.grid import Entry
from acn_bench.reports.figures.style import QUIET
from acn_bench.reports.model import Drawing, Figure

NAMED = 4  # networks on a front that the words name

# (of the whole network, of the truncated one, where it differs)
_COSTS = (
    ("parameters", "parameters_utilised"),
    ("flops", "flops_utilised"),
    ("seconds", ""),
    ("images_seen", ""),
)
_CAPTION = (
    "A marker is the mean over seeds of one network of one group, filled as a whole, hollow cut to its utilised depth; "
    "a cut spares parameters and work, no training. The grey steps are the Pareto front: the networks that no other "
    "beats in both. Further up and to the left is better. A cost that is the same for all has no panel. Times "
    "compare only between runs on the same device."
)


@dataclass(frozen=True)
class Point:
    """One network: its cost and its quality, in the units shown."""

    cost: float
    quality: float
    arm: str
    words: str
    whole: bool


def draw(comparison: Comparison, whole: str, cut: str) -> Figure | None:
    """A row of panels for each task, a panel for each cost; `whole` and `cut` are the metrics of quality."""
    parted: dict[tuple[str, float], list[Group]] = {}
    for group in comparison.groups:
        record = group.records[0]
        task = (record.provenance.data.name, final_model(record).chance)
        parted.setdefault(task, []).append(group)
    drawn = (_part(groups, whole, cut) for groups in parted.values())
    parts = tuple(part for part in drawn if part is not None)
    title = "What quality costs, with its Pareto front"
    return Figure("front", title, _CAPTION, parts) if parts else None


def _part(groups: Sequence[Group], whole: str, cut: str) -> Drawing | None:
    kind, axes, sentences = groups[0].kind, [], []
    for names in _COSTS:
        points = [
            p for g in groups for a in g.arms.values() for p in _points(g, a, names, whole, cut)
        ]
        if len({p.cost for p in points}) < 2:
            continue
        title = kind.metric(names[0]).title
        axes.append(_panel(kind.metric(names[0]).unit, title, points))
        sentences.append(f"{title}: {_named(front(points))}")
    if not axes:
        return None
    arms = sorted({a for g in groups for a in g.arms}, key=arm_order)
    hollow = Entry("cut to utilised depth", QUIET, "o", fill="white")
    ylabel = f"{kind.metric(whole).title}, {wording.UNITS[kind.metric(whole).unit].word}"
    svg = grid.grid(
        axes,
        100,
        columns=2,
        legend=[
            *grid.arm_entries(arms, lines=False),
            hollow,
            Entry("Pareto front", QUIET, dash=()),
        ],
        ylabel=ylabel,
    )
    return Drawing("", svg, f"{ylabel} against cost; on the front by {'; by '.join(sentences)}.")


def front(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in cost and quality, by rising cost."""
    best: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost, -p.quality)):
        if not best or point.quality > best[-1].quality:
            best.append(point)
    return best


def _points(
    group: Group, arm: Arm, names: tuple[str, str], whole: str, cut: str
) -> Iterator[Point]:
    """The whole network, and the truncated one where its cost is another."""
    for cost, quality, is_whole in ((names[0], whole, True), (names[1], cut, False)):
        if cost not in group.kind.metrics:
            continue
        x, y = group.cell(arm.name, cost).mean, group.cell(arm.name, quality).mean
        if x and y is not None:
            a, b = (wording.UNITS[group.kind.metric(m).unit].scale for m in (cost, quality))
            words = f"{arm.title}, {group.label}{'' if is_whole else ', cut'}"
            yield Point(a * x, b * y, arm.name, words, is_whole)


def _panel(unit: str, title: str, points: Sequence[Point]) -> Axes:
    ax, best = Axes(), front(points)
    steps = [(best[0].cost, best[0].quality)]
    for point in best[1:]:
        steps += [(point.cost, steps[-1][1]), (point.cost, point.quality)]
    steps.append((max(p.cost for p in points), steps[-1][1]))
    ax.line([x for x, _ in steps], [y for _, y in steps], QUIET, 1.0)
    for is_whole in (False, True):
        for arm in dict.fromkeys(p.arm for p in points):
            of_arm = [p for p in points if p.arm == arm and p.whole == is_whole]
            look = style.look(arm)
            ax.markers(
                [p.cost for p in of_arm], [p.quality for p in of_arm], look.marker, look.colour, 5,
                fill=look.colour if is_whole else "white",
                edge="white" if is_whole else look.colour,
                edge_width=0.5 if is_whole else 1.1,
            )  # fmt: skip
    ax.x.label, ax.x.low, ax.x.margin, ax.x.most = (
        f"{title}, {wording.UNITS[unit].word}",
        0.0,
        0.08,
        4,
    )
    ax.y.margin = 0.12
    return ax


def _named(best: Sequence[Point]) -> str:
    others = len(best) - NAMED
    words = [p.words for p in best[:NAMED]]
    return ", ".join([*words, f"{others} more"] if others > 0 else words)
