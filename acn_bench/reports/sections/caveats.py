"""What a reader must know before believing the figures."""

from acn_bench.analysis import caveats
from acn_bench.analysis.comparison import Comparison
from acn_bench.reports.model import Bullets, Section
from acn_bench.reports.sections.section import ReportSection


def build(comparison: Comparison) -> Section | None:
    """All caveats but those that the answers give already."""
    above = set(caveats.not_comparable(comparison))
    sentences = tuple(s for s in caveats.caveats(comparison) if s not in above)
    return Section("caveats", "Caveats", (Bullets(sentences),)) if sentences else None


CAVEATS = ReportSection("caveats", 20, build)
