"""Records -> what a report shows of their kind of benchmark."""

from acn_bench.records import RunRecord
from acn_bench.reports.continual import CONTINUAL
from acn_bench.reports.kind import Kind
from acn_bench.reports.transfer import TRANSFER

KINDS = {"continual": CONTINUAL, "transfer": TRANSFER}


def of(record: RunRecord) -> Kind:
    """The kind of a record's benchmark."""
    return KINDS[record.config.benchmark.kind]
