"""Comparison of fine-tunings on GLUE -> score by depth, and against the weights that pruning leaves."""

from collections.abc import Iterator
from functools import partial

from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Group
from acn_bench.benchmarks.glue import measures
from acn_bench.reports.figures import fronts, pairs, panels, sweeps
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.figures.panels import SHADE, UTILISED
from acn_bench.reports.model import Figure
from acn_bench.reports.sections.figures import DrawFigure

LEAD = ("score",)  # metrics of the first figure, in order of preference


def figures(comparison: Comparison) -> Iterator[DrawFigure]:
    """All figures but the first."""
    yield from sweeps.figures(comparison, "score")
    yield partial(depth, comparison)
    yield partial(pairs.draw, comparison, "utilised_depth")
    yield partial(pairs.draw, comparison, "truncated_score")
    yield partial(pruning, comparison)
    yield partial(fronts.draw, comparison, "score", "truncated_score")


def depth(comparison: Comparison) -> Figure | None:
    """GLUE score after 0 … L blocks (Figure 5 of the ACN paper)."""
    caption = (
        "GLUE score on the development set with pooler and head after 0, 1, … blocks, of the same network and the same "
        f"pass. {UTILISED} {SHADE}"
    )

    def panel(ax: Axes, group: Group) -> None:
        for arm in group.arms.values():
            rows = [_at_least_zero(measures.score(r)) for r in arm.records]
            panels.line(ax, range(len(rows[0])), rows, arm.name)
        panels.utilised(ax, group)
        panels.blocks_axis(ax)

    return panels.draw(
        comparison.groups, "glue-depth", "GLUE score by depth", caption, panel,
        lambda g: max(max(measures.score(r)) for r in g.records), "GLUE score, %",
    )  # fmt: skip


def pruning(comparison: Comparison) -> Figure | None:
    """GLUE score against the share of weights that is left (Figure 7 of the ACN paper)."""
    groups = [g for g in comparison.groups if all(r.result.pruned for r in g.records)]
    caption = (
        "GLUE score at full depth against the share of the weights of the blocks' Linears that pruning left; to the left "
        f"the smaller network. {SHADE}"
    )

    def panel(ax: Axes, group: Group) -> None:
        for arm in group.arms.values():
            made = [measures.pruned_scores(r) for r in arm.records]
            xs = [100 * left for left, _ in made[0]]
            panels.line(ax, xs, [_at_least_zero([c[-1] for _, c in one]) for one in made], arm.name)
        ax.x.label = "weights left, %"

    return panels.draw(
        groups, "glue-pruning", "GLUE score of pruned networks", caption, panel,
        lambda g: max(max(measures.score(r)) for r in g.records), "GLUE score, %",
    )  # fmt: skip


def _at_least_zero(values: list[float]) -> list[float]:
    """A correlation below zero is drawn as zero."""
    return [max(value, 0.0) for value in values]
