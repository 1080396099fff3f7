"""The record of a supervised run, as a type."""

from typing import TypeAlias

from acn_bench.benchmarks.supervised.result import SupervisedResult
from acn_bench.benchmarks.supervised.spec import SupervisedSpec
from acn_bench.record import RunRecord

SupervisedRecord: TypeAlias = RunRecord[SupervisedSpec, SupervisedResult]
