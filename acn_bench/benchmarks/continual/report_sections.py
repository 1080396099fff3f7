"""The sections of a continual benchmark's report."""

from acn_bench.benchmarks.continual.definition_table import DEFINITION_TABLE
from acn_bench.benchmarks.continual.fairness import FAIRNESS
from acn_bench.benchmarks.continual.selection_table import SELECTION
from acn_bench.benchmarks.continual.state_table import STATES
from acn_bench.benchmarks.continual.tie_table import TIES
from acn_bench.reports.sections.figures import figures
from acn_bench.reports.sections.shared import SHARED

SECTIONS = (
    *SHARED,
    FAIRNESS,
    DEFINITION_TABLE,
    TIES,
    SELECTION,
    STATES,
    *figures("acn_bench.benchmarks.continual.figures"),
)
