"""The sections that every record can fill: a kind lists them alone, or with its own. `order` places each."""

from acn_bench.reports.sections.answers import ANSWERS
from acn_bench.reports.sections.caveats import CAVEATS
from acn_bench.reports.sections.costs import COSTS
from acn_bench.reports.sections.metric_definitions import METRIC_DEFINITIONS
from acn_bench.reports.sections.overview import OVERVIEW
from acn_bench.reports.sections.presets import PRESETS
from acn_bench.reports.sections.provenance import PROVENANCE
from acn_bench.reports.sections.published import PUBLISHED
from acn_bench.reports.sections.quality import QUALITY
from acn_bench.reports.sections.runs import RUNS
from acn_bench.reports.sections.setting import SETTING
from acn_bench.reports.sections.verdicts import VERDICTS

SHARED = (
    ANSWERS,
    SETTING,
    VERDICTS,
    CAVEATS,
    OVERVIEW,
    QUALITY,
    PUBLISHED,
    PRESETS,
    COSTS,
    METRIC_DEFINITIONS,
    PROVENANCE,
    RUNS,
)
