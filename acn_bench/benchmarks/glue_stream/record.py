"""The record of a stream of text tasks, as a type."""

from typing import TypeAlias

from acn_bench.benchmarks.glue_stream.result import GlueStreamResult
from acn_bench.benchmarks.glue_stream.spec import GlueStreamSpec
from acn_bench.record import RunRecord

GlueStreamRecord: TypeAlias = RunRecord[GlueStreamSpec, GlueStreamResult]
