"""The record of a continual run, as a type."""

from typing import TypeAlias

from acn_bench.benchmarks.continual.result import ContinualResult
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.record import RunRecord

ContinualRecord: TypeAlias = RunRecord[ContinualSpec, ContinualResult]
