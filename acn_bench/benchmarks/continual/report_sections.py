"""The sections of a continual benchmark's report."""

from acn_bench.benchmarks.continual.definition_table import DEFINITION_TABLE
from acn_bench.benchmarks.continual.fairness import FAIRNESS
from acn_bench.reports.sections.caveats import CAVEATS
from acn_bench.reports.sections.costs import COSTS
from acn_bench.reports.sections.figures import figures
from acn_bench.reports.sections.metric_definitions import METRIC_DEFINITIONS
from acn_bench.reports.sections.overview import OVERVIEW
from acn_bench.reports.sections.presets import PRESETS
from acn_bench.reports.sections.provenance import PROVENANCE
from acn_bench.reports.sections.published import PUBLISHED
from acn_bench.reports.sections.quality import QUALITY
from acn_bench.reports.sections.runs import RUNS
from acn_bench.reports.sections.setting import SETTING
from acn_bench.reports.sections.verdicts import VERDICTS

SECTIONS = (
    SETTING,
    VERDICTS,
    CAVEATS,
    OVERVIEW,
    QUALITY,
    FAIRNESS,
    figures("acn_bench.benchmarks.continual.figures"),
    PUBLISHED,
    PRESETS,
    COSTS,
    DEFINITION_TABLE,
    METRIC_DEFINITIONS,
    PROVENANCE,
    RUNS,
)
