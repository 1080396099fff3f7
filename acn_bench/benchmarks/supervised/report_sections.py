"""The sections of a supervised benchmark's report."""

from acn_bench.benchmarks.supervised.exit_table import EXIT_TABLE
from acn_bench.benchmarks.supervised.noise_table import NOISE_TABLE
from acn_bench.reports.sections.figures import figures
from acn_bench.reports.sections.shared import SHARED

SECTIONS = (
    *SHARED,
    NOISE_TABLE,
    EXIT_TABLE,
    *figures("acn_bench.benchmarks.supervised.figures"),
)
