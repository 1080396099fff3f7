"""The sections of the report on a stream of text tasks."""

from acn_bench.benchmarks.continual.report_sections import SECTIONS as CONTINUAL
from acn_bench.benchmarks.glue_stream.task_table import TASK_TABLE

SECTIONS = (*CONTINUAL, TASK_TABLE)
