"""The record of a masked-language pre-training, as a type."""

from typing import TypeAlias

from acn_bench.benchmarks.mlm.result import MlmResult
from acn_bench.benchmarks.mlm.spec import MlmSpec
from acn_bench.record import RunRecord

MlmRecord: TypeAlias = RunRecord[MlmSpec, MlmResult]
