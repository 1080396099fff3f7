"""The sections of a report on GLUE."""

from acn_bench.benchmarks.glue.pruning_table import PRUNING_TABLE
from acn_bench.reports.sections.figures import figures
from acn_bench.reports.sections.shared import SHARED

SECTIONS = (*SHARED, PRUNING_TABLE, *figures("acn_bench.benchmarks.glue.figures"))
