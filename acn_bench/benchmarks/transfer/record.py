"""The record of a transfer, as a type."""

from typing import TypeAlias

from acn_bench.benchmarks.transfer.result import TransferResult
from acn_bench.benchmarks.transfer.spec import TransferSpec
from acn_bench.record import RunRecord

TransferRecord: TypeAlias = RunRecord[TransferSpec, TransferResult]
