"""The smallest card and a record of a fine-tuning on GLUE: for tests, and for whoever reads the format."""

from acn_bench.benchmarks.example_provenance import example_provenance
from acn_bench.benchmarks.glue.record import GlueRecord
from acn_bench.benchmarks.glue.result import GlueResult, Lengths, Pruned, Scored
from acn_bench.benchmarks.glue.spec import GlueConfig, GlueSpec
from acn_bench.config import RunConfig, Seeds
from acn_bench.families.bert import BertSpec
from acn_bench.record import SCHEMA, RunRecord
from acn_bench.result import DataProvenance, RowCounts, Seconds
from acn_bench.spec import Wiring

SMALLEST_CARD = """
name = "smallest_glue"
intent = "Does the line hold?"
citation = "none"

[protocol]
kind = "glue"
task = "sst2"
embedded = true
epochs = 1
learning_rate = 1e-3
length = 16
pruning = "magnitude"
pruned = [0.5]

[defaults]
backbones = ["ac_bert", "residual_bert"]
seeds = [0]
depth = 1
sizes = { bert = { vocab_size = 200, max_length = 16, width = 16, heads = 2 } }

[[claim]]
name = "classifies"
statement = "AC classifies better"
metric = "score"
direction = "higher"
source = "none"
"""

DATA = DataProvenance(
    name="rules_sst2", fingerprint="0123456789ab", canonical=False, train=1_800, test=400
)
CLASSES = 2


def example_record(wiring: Wiring = "ac", seed: int = 0) -> GlueRecord:
    """A record as a run would leave it; AC ends 5 points above another wiring."""
    right = 360 + 2 * seed - (0 if wiring == "ac" else 20)  # of 400
    held = 160 + seed - (0 if wiring == "ac" else 10)  # of 180
    config: GlueConfig = RunConfig(
        benchmark=GlueSpec(
            name="smallest_glue", task="sst2", embedded=True, epochs=1, learning_rate=1e-3,
            length=16, pruning="magnitude", pruned=(0.5,),
        ),
        strategy=None,
        backbone=BertSpec(wiring=wiring, depth=1, vocab_size=200, max_length=16, width=16, heads=2),
        seeds=Seeds(order=seed, init=seed, data=seed, noise=seed),
        fingerprint="0123456789ab",
    )  # fmt: skip
    lengths = Lengths(mean=10.5, longest=12, cut=0)
    return RunRecord(
        schema=SCHEMA,
        run_id=config.run_id,
        config=config,
        result=GlueResult(
            rows=RowCounts(train=1_620, validation=180, test=400),
            vocabulary=150,
            lengths={"train": lengths, "dev": lengths},
            left_out=[],
            steps=26,
            train_loss=[0.4],
            validation=_scored(180, 74, held),
            changes=[[held - 72, 2], [0, 0]],
            tests={"dev": _scored(400, 200, right)},
            texts_per_second=[4000.0, 2000.0],
            pruned=[
                Pruned(
                    epoch=None,
                    left=1_536,
                    total=3_072,
                    validation=_scored(180, 74, held - 30),
                    tests={"dev": _scored(400, 200, right - 60)},
                )
            ],
            parameters=[4_000, 8_000],
            flops=[10_000, 20_000],
            seconds=Seconds(train=2.0, evaluate=0.5),
            peak_memory=100 * 2**20,
            images_seen=1_620,
            precision="fp32",
        ),
        provenance=example_provenance(DATA, seed, "1,620 trained on, 180 held out"),
    )


def _scored(rows: int, before: int, right: int) -> Scored:
    """Of `rows` texts, half of them of each class, so many are right without blocks and with one."""
    counts = [_confusion(rows, before), _confusion(rows, right)]
    return Scored(rows=rows, scores={"accuracy": [before / rows, right / rows]}, confusion=counts)


def _confusion(rows: int, right: int) -> list[list[int]]:
    half, first = rows // CLASSES, right // CLASSES
    return [[first, half - first], [half - (right - first), right - first]]
