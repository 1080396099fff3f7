"""The sections of a transfer's report."""

from acn_bench.reports.sections.figures import figures
from acn_bench.reports.sections.shared import SHARED

SECTIONS = (
    *SHARED,
    *figures("acn_bench.benchmarks.transfer.figures"),
)
