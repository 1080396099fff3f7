"""The smallest card and a record of a pre-training: for tests, and for whoever reads the format."""

from acn_bench.benchmarks.example_provenance import example_provenance
from acn_bench.benchmarks.mlm.record import MlmRecord
from acn_bench.benchmarks.mlm.result import MaskedScores, MlmResult
from acn_bench.benchmarks.mlm.spec import MlmConfig, MlmSpec
from acn_bench.config import RunConfig, Seeds
from acn_bench.families.bert import BertSpec
from acn_bench.record import SCHEMA, RunRecord
from acn_bench.result import DataProvenance, RowCounts, Seconds
from acn_bench.spec import Wiring

SMALLEST_CARD = """
name = "smallest_mlm"
intent = "Does the line hold?"
citation = "none"

[protocol]
kind = "mlm"
data = "rules_text"
epochs = 1
batch_size = 64
micro_batch = 32
length = 32
warmup = 0.1
validation = 0.1

[defaults]
backbones = ["ac_bert", "residual_bert"]
seeds = [0]
depth = 1
sizes = { bert = { vocab_size = 200, max_length = 32, width = 16, heads = 2 } }

[[claim]]
name = "predicts"
statement = "AC predicts masked tokens better"
metric = "loss"
direction = "lower"
source = "none"
"""

DATA = DataProvenance(
    name="rules_text", fingerprint="0123456789ab", canonical=False, train=2_000, test=400
)


def example_record(wiring: Wiring = "ac", seed: int = 0) -> MlmRecord:
    """A record as a run would leave it; AC ends 5 points above another wiring."""
    right = 500 + 4 * seed - (0 if wiring == "ac" else 50)  # of 1,000
    loss = 2.0 - 0.01 * seed + (0.0 if wiring == "ac" else 0.2)
    config: MlmConfig = RunConfig(
        benchmark=MlmSpec(
            name="smallest_mlm", data="rules_text", epochs=1, batch_size=64, micro_batch=32, length=32,
            warmup=0.1, validation=0.1,
        ),
        strategy=None,
        backbone=BertSpec(wiring=wiring, depth=1, vocab_size=200, max_length=32, width=16, heads=2),
        seeds=Seeds(order=seed, init=seed, data=seed, noise=seed),
        fingerprint="0123456789ab",
    )  # fmt: skip
    scores = MaskedScores(
        tokens=1_000, correct=[200, right], loss=[4.0, round(loss, 6)], most_frequent=120
    )
    return RunRecord(
        schema=SCHEMA,
        run_id=config.run_id,
        config=config,
        result=MlmResult(
            rows=RowCounts(train=1_800, validation=200, test=400),
            vocabulary=150,
            steps=29,
            tokens=57_600,
            train_loss=[3.0],
            validation=scores,
            changes=[[right - 190, 10], [0, 0]],
            test=scores,
            parameters=[4_000, 8_000],
            flops=[10_000, 20_000],
            seconds=Seconds(train=2.0, evaluate=0.5),
            peak_memory=100 * 2**20,
            images_seen=1_800,
            precision="fp32",
        ),
        provenance=example_provenance(DATA, seed, "1,800 trained on, 200 held out"),
    )
