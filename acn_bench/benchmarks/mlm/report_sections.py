"""The sections of a report on pre-training."""

from acn_bench.reports.sections.figures import figures
from acn_bench.reports.sections.shared import SHARED

SECTIONS = (*SHARED, *figures("acn_bench.benchmarks.mlm.figures"))
