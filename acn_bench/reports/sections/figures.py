"""The figures of a kind of benchmark, drawn by a module of its own."""

import importlib
from collections.abc import Callable, Iterator
from functools import partial

from acn_bench.analysis.comparison import Comparison
from acn_bench.reports.figures import pairs
from acn_bench.reports.model import Figure, Section
from acn_bench.reports.sections.section import BuildPart, ReportSection, joined

DrawFigure = Callable[[], Figure | None]  # None where the records have no measurements for it


def figures(module: str) -> tuple[ReportSection, ReportSection]:
    """The lead figure below the answers, and the section of the others; the module is imported when they are drawn.

    Its `LEAD` names the metrics of the lead figure in order of preference; its `figures(comparison)` yields a
    function for each of the others, which draws it.
    """

    def lead(comparison: Comparison) -> Section | None:
        figure = _lead_figure(comparison, importlib.import_module(module).LEAD)
        return Section("lead", "", (figure,)) if figure else None

    def split(comparison: Comparison) -> Iterator[BuildPart]:
        for draw in importlib.import_module(module).figures(comparison):
            yield partial(_section, draw)

    def others(comparison: Comparison) -> Section | None:
        return joined(build() for build in split(comparison))

    return (
        ReportSection("lead", -10, lead, draws=True),
        ReportSection("figures", 60, others, draws=True, split=split),
    )


def _section(draw: DrawFigure) -> Section | None:
    figure = draw()
    return Section("figures", "Figures", (figure,)) if figure else None


def _lead_figure(comparison: Comparison, metrics: tuple[str, ...]) -> Figure | None:
    """The first figure: one metric, seed by seed."""
    drawn = (pairs.draw(comparison, name) for name in metrics)
    return next((figure for figure in drawn if figure is not None), None)
