"""The smallest card and a record of a transfer: for tests, and for whoever reads the format."""

from acn_bench.benchmarks.example_provenance import DIGITS10, example_provenance
from acn_bench.benchmarks.transfer.record import TransferRecord
from acn_bench.benchmarks.transfer.result import (
    Accuracy,
    Probed,
    Trained,
    TransferResult,
)
from acn_bench.benchmarks.transfer.spec import TransferConfig, TransferSpec
from acn_bench.config import RunConfig, Seeds
from acn_bench.families.mixer import MixerSpec
from acn_bench.record import SCHEMA, RunRecord
from acn_bench.result import RowCounts, Seconds
from acn_bench.spec import Wiring

SMALLEST_CARD = """
name = "smallest_transfer"
intent = "Does the line hold?"
citation = "none"

[protocol]
kind = "transfer"
data = "digits10"
target = "digits10"
epochs = 1
finetune_epochs = 1
crop_padding = 0
flip = false
probe_penalties = [1e-2]

[defaults]
backbones = ["ac_mixer", "residual_mixer"]
seeds = [0]
depth = 1
sizes = { mixer = { patch_size = 8, width = 16, token_width = 8, channel_width = 16 } }

[[claim]]
name = "transfers"
statement = "AC transfers better"
metric = "finetuned_accuracy"
direction = "higher"
source = "none"
"""


def example_record(wiring: Wiring = "ac", seed: int = 0) -> TransferRecord:
    """A record as a run would leave it; AC ends 5 points above another wiring on the target."""
    held_out = (108 if wiring == "ac" else 101) + seed  # right, of 135
    test = (357 if wiring == "ac" else 335) + 4 * seed  # right, of 446
    curve = Accuracy(validation=[54 / 135, held_out / 135], test=[178 / 446, test / 446])
    trained = Trained(
        train_loss=[0.9],
        held_out=[held_out / 135],
        accuracy=curve,
        changes=[[held_out - 52, 2], [0, 0]],
    )
    config: TransferConfig = RunConfig(
        benchmark=TransferSpec(
            name="smallest_transfer",
            data="digits10",
            target="digits10",
            epochs=1,
            finetune_epochs=1,
            crop_padding=0,
            flip=False,
            probe_penalties=(1e-2,),
        ),
        strategy=None,
        backbone=MixerSpec(wiring=wiring, depth=1),
        seeds=Seeds(order=seed, init=seed, data=seed, noise=seed),
        fingerprint="0123456789ab+0123456789ab",
    )
    rows = RowCounts(train=1_216, validation=135, test=446)
    return RunRecord(
        schema=SCHEMA,
        run_id=config.run_id,
        config=config,
        result=TransferResult(
            source=trained,
            cut=1,
            probed=Probed(accuracy=curve, penalties=[1e-2, 1e-2]),
            finetuned=trained,
            finetuned_cut=trained,
            source_rows=rows,
            target_rows=rows,
            source_classes=10,
            target_classes=10,
            parameters=[1_000, 2_000],
            flops=[10_000, 20_000],
            seconds=Seconds(train=2.0, evaluate=0.5),
            peak_memory=100 * 2**20,
            images_seen=2_432,
            precision="fp32",
        ),
        provenance=example_provenance(DIGITS10, seed, further=[DIGITS10]),
    )
