"""The smallest card and a record of a stream of text tasks: for tests, and for whoever reads the format."""

import msgspec

from acn_bench.benchmarks.continual import example as continual
from acn_bench.benchmarks.example_provenance import example_provenance
from acn_bench.benchmarks.glue_stream.record import GlueStreamRecord
from acn_bench.benchmarks.glue_stream.result import GlueStreamResult
from acn_bench.benchmarks.glue_stream.spec import GlueStreamConfig, GlueStreamSpec
from acn_bench.config import RunConfig
from acn_bench.families.bert import BertSpec
from acn_bench.record import RunRecord
from acn_bench.result import DataProvenance
from acn_bench.spec import Wiring
from acn_bench.strategies.naive import NaiveSpec

SMALLEST_CARD = """
name = "smallest_glue_stream"
intent = "Does the line hold?"
citation = "none"

[protocol]
kind = "glue_stream"
tasks = ["sst2", "cola"]
embedded = true
experiences = 2
epochs = 1
length = 16
class_rows = 100

[defaults]
backbones = ["ac_bert", "residual_bert"]
strategies = ["naive"]
seeds = [0]
depth = 1
sizes = { bert = { vocab_size = 200, max_length = 16, width = 16, heads = 2 } }

[[claim]]
name = "forgets_less"
statement = "AC forgets less"
metric = "forgetting"
direction = "lower"
source = "none"
"""

DATA = DataProvenance(
    name="rules_sst2", fingerprint="0123456789ab", canonical=False, train=1_800, test=400
)


def example_record(wiring: Wiring = "ac", seed: int = 0) -> GlueStreamRecord:
    """A record as a run of two tasks would leave it; AC forgets 20 points, another wiring 30."""
    of_images = continual.example_record(wiring, seed)
    config: GlueStreamConfig = RunConfig(
        benchmark=GlueStreamSpec(
            name="smallest_glue_stream", tasks=("sst2", "cola"), embedded=True, experiences=2, epochs=1,
            length=16, class_rows=100,
        ),
        strategy=NaiveSpec(name="naive"),
        backbone=BertSpec(wiring=wiring, depth=1, vocab_size=200, max_length=16, width=16, heads=2),
        seeds=of_images.config.seeds,
        fingerprint="0123456789ab",
    )  # fmt: skip
    fields = msgspec.structs.asdict(of_images.result) | {"classes": [[2, 3], [0, 1]], "noise": []}
    return RunRecord(
        schema=of_images.schema,
        run_id=config.run_id,
        config=config,
        result=GlueStreamResult(vocabulary=150, cut=[0, 0], most_frequent=[0.5, 0.6], **fields),
        provenance=example_provenance(DATA, seed, disjoint="360 trained on, 40 held out"),
    )
