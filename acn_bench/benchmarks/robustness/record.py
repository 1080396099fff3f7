"""The record of a robustness run, as a type."""

from typing import TypeAlias

from acn_bench.benchmarks.robustness.result import RobustnessResult
from acn_bench.benchmarks.robustness.spec import RobustnessSpec
from acn_bench.record import RunRecord

RobustnessRecord: TypeAlias = RunRecord[RobustnessSpec, RobustnessResult]
