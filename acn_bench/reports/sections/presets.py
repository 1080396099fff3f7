"""Where the runs of a preset deviate from the protocol that it is named after."""

from acn_bench.analysis import presets
from acn_bench.analysis.comparison import Comparison
from acn_bench.reports.model import Bullets, Section
from acn_bench.reports.sections.section import ReportSection


def build(comparison: Comparison) -> Section | None:
    """One list a preset; None where no run has one."""
    lists = tuple(
        Bullets(
            departure.sentences,
            departure.preset,
            f"{departure.source}. Its figures are not shown: these runs deviate from it in",
        )
        for departure in presets.departures(comparison)
    )
    return (
        Section("presets", "Presets, and deviations from them", lists, "Presets") if lists else None
    )


PRESETS = ReportSection("presets", 80, build)
