"""Embedded: handwritten digits, 10 classes."""

from acn_bench.data.sets.info import DataSetInfo

DIGITS10 = DataSetInfo(
    name="digits10",
    title="digits10 (embedded)",
    description="embedded: 10 classes, handwritten digits",
    reader="acn_bench.data.digits:load",
    flips=False,
    embedded="digits10",
)
