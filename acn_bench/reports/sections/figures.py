"""The figures of a kind of benchmark, drawn by a module of its own."""

import importlib

from acn_bench.analysis.comparison import Comparison
from acn_bench.reports.figures import pairs
from acn_bench.reports.model import Figure, Section
from acn_bench.reports.sections.section import ReportSection


def figures(module: str) -> tuple[ReportSection, ReportSection]:
    """The lead figure below the answers, and the section of the others; the module is imported when they are drawn.

    Its `LEAD` names the metrics of the lead figure in order of preference; its `draw(comparison)` yields the
    other figures, None for one that the records have no measurements for.
    """

    def lead(comparison: Comparison) -> Section | None:
        figure = _lead_figure(comparison, importlib.import_module(module).LEAD)
        return Section("lead", "", (figure,)) if figure else None

    def others(comparison: Comparison) -> Section | None:
        drawn = importlib.import_module(module).draw(comparison)
        blocks = [figure for figure in drawn if figure is not None]
        return Section("figures", "Figures", tuple(blocks)) if blocks else None

    return (
        ReportSection("lead", -10, lead, draws=True),
        ReportSection("figures", 60, others, draws=True),
    )


def _lead_figure(comparison: Comparison, metrics: tuple[str, ...]) -> Figure | None:
    """The first figure: one metric, seed by seed."""
    drawn = (pairs.draw(comparison, name) for name in metrics)
    return next((figure for figure in drawn if figure is not None), None)
