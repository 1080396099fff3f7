"""Embedded: pairs of handwritten digits, 100 classes."""

from acn_bench.data.sets.info import DataSetInfo

DIGITS100 = DataSetInfo(
    name="digits100",
    title="digits100 (embedded)",
    description="embedded: 100 classes, pairs of handwritten digits side by side",
    reader="acn_bench.data.digits:load",
    flips=False,
    embedded="digits100",
    transfers_to="digits10",
)
