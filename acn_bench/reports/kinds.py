"""Records -> what a report shows of their kind of benchmark."""

from acn_bench.benchmarks.continual.report import CONTINUAL
from acn_bench.benchmarks.transfer.report import TRANSFER
from acn_bench.records import RunRecord
from acn_bench.reports.kind import Kind

KINDS = {"continual": CONTINUAL, "transfer": TRANSFER}


def of(record: RunRecord) -> Kind:
    """The kind of a record's benchmark."""
    return KINDS[record.config.benchmark.kind]
