"""Comparison -> corrupted against clean accuracy, with RobustBench's models in grey where they are of the same data."""

from collections.abc import Sequence
from statistics import fmean

from acn_bench import wording
from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Arm, Group, arm_order
from acn_bench.analysis.robustbench import leaderboard
from acn_bench.benchmarks.robustness.measures import leaderboard_of
from acn_bench.benchmarks.robustness.report import jpeg_note
from acn_bench.reports.figures import grid, style
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.figures.grid import Entry
from acn_bench.reports.figures.style import FAINT, THREAD
from acn_bench.reports.model import Drawing, Figure

_CAPTION = (
    "Each dot is one seed: accuracy on corrupted images, mean over corruptions and severities, against accuracy on clean "
    "images. On the light line, where a panel reaches it, nothing is lost to corruption; of two dots of the same height "
    "the one further right lost more. Each panel has its own scale."
)
_PUBLISHED = f" Grey: published models at the same corruptions and severities, on the official files ({leaderboard.SOURCE})"
_MADE = "; the corruptions of our dots are made here by the same formulas"

Point = tuple[float, float]  # (clean, corrupted) accuracy, in %


def draw(comparison: Comparison) -> Figure | None:
    """One panel a group, one dot a seed."""
    groups = [g for g in comparison.groups if any(r.result.corruptions for r in g.records)]
    parts = tuple(_part(chunk) for chunk in style.chunks(groups, 12))
    caption = _CAPTION
    if compared := [g for g in groups if published(g)]:
        made = any(not g.config.benchmark.official for g in compared)
        caption += f"{_PUBLISHED}{_MADE if made else ''}."
    title = "Corrupted against clean accuracy"
    caption = f"{caption} {jpeg_note(groups)}".rstrip()
    return Figure("clean", title, caption, parts) if parts else None


def published(group: Group) -> list[Point]:
    """RobustBench's models under a group's corruptions and severities; none where it did not measure these data."""
    spec, data = group.config.benchmark, group.records[0].provenance.data
    board = leaderboard_of(group.records[0])
    if board is None or not data.canonical:
        return []
    models = leaderboard.models(board)
    if any(name not in models[0].accuracy for name in spec.common):
        return []
    return [
        (
            100 * m.clean,
            100 * fmean(m.accuracy[name][s - 1] for name in spec.common for s in spec.severities),
        )
        for m in models
    ]


def _part(groups: Sequence[Group]) -> Drawing:
    columns = max(2, style.columns_for(len(groups)))
    arms = sorted({a for g in groups for a in g.arms}, key=arm_order)
    grey = [Entry("RobustBench", THREAD, "o")] if any(map(published, groups)) else []
    svg = grid.grid(
        [_panel(group) for group in groups],
        100,
        columns=columns,
        legend=[*grid.arm_entries(arms, lines=False), *grey],
        ylabel="corrupted accuracy, %",
        share=False,
    )
    return Drawing("", svg, f"Corrupted against clean accuracy: {'; '.join(map(_means, groups))}.")


def _panel(group: Group) -> Axes:
    ax = Axes(group.label)
    if known := published(group):
        ax.markers(*_columns(known), "o", THREAD, 4)
    for arm in group.arms.values():
        look = style.look(arm.name)
        ax.markers(*_columns(points(arm)), look.marker, look.colour, 5, opacity=0.9)
    ax.x.margin = ax.y.margin = 0.15
    low = max(ax.x.limits[0], ax.y.limits[0])
    high = min(ax.x.limits[1], ax.y.limits[1])
    if low < high:  # the panel reaches the line on which nothing is lost
        ax.line([low, high], [low, high], FAINT, 0.9)
    ax.x.label, ax.x.most = "clean accuracy, %", 4
    return ax


def points(arm: Arm) -> list[Point]:
    """Of each seed."""
    clean, under = arm.cell("clean_accuracy").values, arm.cell("corrupted_accuracy").values
    return [(100 * clean[s], 100 * under[s]) for s in under]


def _columns(known: Sequence[Point]) -> tuple[list[float], list[float]]:
    """Points -> their x and their y."""
    return [x for x, _ in known], [y for _, y in known]


def _means(group: Group) -> str:
    words = []
    for arm in group.arms.values():
        if known := points(arm):
            clean, under = map(fmean, zip(*known, strict=True))
            words.append(f"{arm.title} {clean:.1f} % clean and {under:.1f} % corrupted")
    return f"{group.label}: {wording.listed(words)}"
