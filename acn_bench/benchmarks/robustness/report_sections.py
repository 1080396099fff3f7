"""The sections of a robustness benchmark's report."""

from acn_bench.benchmarks.robustness.attack_table import ATTACK_TABLE
from acn_bench.benchmarks.robustness.condition_table import CONDITION_TABLE
from acn_bench.benchmarks.robustness.score_table import SCORE_TABLE
from acn_bench.reports.sections.figures import figures
from acn_bench.reports.sections.shared import SHARED

SECTIONS = (
    *SHARED,
    CONDITION_TABLE,
    ATTACK_TABLE,
    SCORE_TABLE,
    *figures("acn_bench.benchmarks.robustness.figures"),
)
