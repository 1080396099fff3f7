"""The kind `glue_stream`: tasks of GLUE that arrive one after the other, a head each."""

from dataclasses import replace
from statistics import fmean

from acn_bench.analysis.final_model import FinalModel
from acn_bench.benchmarks.continual.kind import KIND as CONTINUAL
from acn_bench.benchmarks.glue_stream import report
from acn_bench.benchmarks.glue_stream.measures import chance, held_out_shares
from acn_bench.benchmarks.glue_stream.metrics import TABLES
from acn_bench.benchmarks.glue_stream.record import GlueStreamRecord
from acn_bench.benchmarks.glue_stream.result import GlueStreamResult, validate
from acn_bench.benchmarks.glue_stream.spec import GlueStreamSpec


def final_model(record: GlueStreamRecord) -> FinalModel:
    """The model after the last task."""
    model = CONTINUAL.final_model(record)
    return replace(model, chance=chance(record), held_out_chance=fmean(held_out_shares(record)))


KIND = replace(
    CONTINUAL,
    spec=GlueStreamSpec,
    result=GlueStreamResult,
    inputs="text",
    planning="acn_bench.benchmarks.glue_stream.cost",
    protocol="acn_bench.benchmarks.glue_stream.protocol",
    sections="acn_bench.benchmarks.glue_stream.report_sections:SECTIONS",
    tables=TABLES,
    example="acn_bench.benchmarks.glue_stream.example",
    validate=validate,
    describe=report.describe,
    final_model=final_model,
    setting=report.setting,
    chance_level=report.chance_level,
    caveats=report.caveats,
    not_comparable=report.not_comparable,
    unlisted=CONTINUAL.unlisted | {"checkpoint_hash", "crop_padding", "flip", "data"},
    other_experiment=("tasks", "embedded", "class_rows"),
)
