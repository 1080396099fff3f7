"""The figures of a kind of benchmark, drawn by a module of its own."""

import importlib

from acn_bench.analysis.comparison import Comparison
from acn_bench.reports.figures import pairs
from acn_bench.reports.model import Figure, Section
from acn_bench.reports.sections.section import ReportSection


def figures(module: str) -> ReportSection:
    """The section of a module's figures, which is imported when they are drawn.

    Its `LEAD` names the metrics of the first figure in order of preference; its `draw(comparison)` yields the
    other figures, None for one that the records have no measurements for.
    """

    def build(comparison: Comparison) -> Section | None:
        drawn = importlib.import_module(module)
        lead = _lead_figure(comparison, drawn.LEAD)
        blocks = [figure for figure in (lead, *drawn.draw(comparison)) if figure is not None]
        return Section("figures", "Figures", tuple(blocks)) if blocks else None

    return ReportSection("figures", 60, build, draws=True)


def _lead_figure(comparison: Comparison, metrics: tuple[str, ...]) -> Figure | None:
    """The first figure: one metric, seed by seed."""
    drawn = (pairs.draw(comparison, name) for name in metrics)
    return next((figure for figure in drawn if figure is not None), None)
