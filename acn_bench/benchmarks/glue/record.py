"""The record of a fine-tuning on GLUE, as a type."""

from typing import TypeAlias

from acn_bench.benchmarks.glue.result import GlueResult
from acn_bench.benchmarks.glue.spec import GlueSpec
from acn_bench.record import RunRecord

GlueRecord: TypeAlias = RunRecord[GlueSpec, GlueResult]
