"""Comparison of pre-trainings -> masked loss by depth."""

from collections.abc import Iterator
from functools import partial

from acn_bench.analysis.comparison import Comparison
from acn_bench.analysis.groups import Group
from acn_bench.reports.figures import fronts, pairs, panels, sweeps
from acn_bench.reports.figures.axes import Axes
from acn_bench.reports.figures.panels import SHADE, UTILISED
from acn_bench.reports.model import Figure
from acn_bench.reports.sections.figures import DrawFigure

LEAD = ("loss",)  # metrics of the first figure, in order of preference


def figures(comparison: Comparison) -> Iterator[DrawFigure]:
    """All figures but the first."""
    yield from sweeps.figures(comparison, "loss")
    yield partial(depth, comparison)
    yield partial(pairs.draw, comparison, "utilised_depth")
    yield partial(fronts.draw, comparison, "accuracy", "truncated_accuracy")


def depth(comparison: Comparison) -> Figure | None:
    """Share of the masked tokens that are predicted after 0 … L blocks."""
    caption = (
        f"Share of the masked tokens that the head predicts after 0, 1, … blocks, in one pass. {UTILISED} {SHADE} Dotted: the "
        "most frequent token."
    )

    def accuracy(r: object) -> list[float]:
        test = r.result.test  # type: ignore[attr-defined]
        return [n / test.tokens for n in test.correct]

    def panel(ax: Axes, group: Group) -> None:
        for arm in group.arms.values():
            rows = [accuracy(r) for r in arm.records]
            panels.line(ax, range(len(rows[0])), rows, arm.name)
        panels.utilised(ax, group)
        panels.blocks_axis(ax)

    return panels.draw(
        comparison.groups, "mlm-depth", "Masked accuracy by depth", caption, panel,
        lambda g: max(max(accuracy(r)) for r in g.records), "masked accuracy, %",
    )  # fmt: skip
