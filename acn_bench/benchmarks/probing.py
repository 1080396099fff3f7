"""The old path of `acn_bench.evaluation.probing`; the next version removes it."""

import warnings

from acn_bench.evaluation.probing import depth_probes as depth_probes
from acn_bench.evaluation.probing import right as right

warnings.warn(
    "acn_bench.benchmarks.probing is now acn_bench.evaluation.probing",
    DeprecationWarning,
    stacklevel=2,
)
