"""The smallest card and a record of a continual benchmark: for tests, and for whoever reads the format."""

from acn_bench.benchmarks.continual.record import ContinualRecord
from acn_bench.benchmarks.continual.result import ContinualResult, NoiseResult, Validation
from acn_bench.benchmarks.continual.spec import ContinualConfig, ContinualSpec
from acn_bench.benchmarks.example_provenance import example_provenance
from acn_bench.config import RunConfig, Seeds
from acn_bench.families.mixer import MixerSpec
from acn_bench.record import SCHEMA, RunRecord
from acn_bench.result import DataProvenance, Seconds
from acn_bench.spec import Wiring
from acn_bench.strategies.naive import NaiveSpec

SMALLEST_CARD = """
name = "smallest_continual"
intent = "Does the line hold?"
citation = "none"

[protocol]
kind = "continual"
data = "digits100"
experiences = 2
classes_per_experience = 2
epochs = 1
crop_padding = 0
flip = false
noise = { gaussian = [0.1] }

[defaults]
backbones = ["ac_mixer", "residual_mixer"]
strategies = ["naive"]
seeds = [0]
depth = 1
sizes = { mixer = { patch_size = 8, width = 16, token_width = 8, channel_width = 16 } }

[[claim]]
name = "forgets_less"
statement = "AC forgets less"
metric = "forgetting"
direction = "lower"
source = "none"
"""


def example_record(wiring: Wiring = "ac", seed: int = 0) -> ContinualRecord:
    """A record as a run of two experiences would leave it; AC forgets 20 points, another wiring 30."""
    lost = 16 if wiring == "ac" else 24
    # of 80 test images; then of 24 held-out ones
    first, second, last = (64 + seed) / 80, (72 - seed) / 80, (64 + seed - lost) / 80
    held_first, held_second, held_last = 20 / 24, 21 / 24, (20 - lost // 4) / 24
    gone = round(24 * (held_last + held_second)) - 24  # what depth 0 loses: it has 12 of each right
    config: ContinualConfig = RunConfig(
        benchmark=ContinualSpec(
            name="smallest_continual",
            data="digits100",
            experiences=2,
            classes_per_experience=2,
            epochs=1,
            crop_padding=0,
            flip=False,
            noise={"gaussian": (0.1,)},
        ),
        strategy=NaiveSpec(name="naive"),
        backbone=MixerSpec(wiring=wiring, depth=1),
        seeds=Seeds(order=seed, init=seed, data=seed, noise=seed),
        fingerprint="0123456789ab",
    )
    return RunRecord(
        schema=SCHEMA,
        run_id=config.run_id,
        config=config,
        result=ContinualResult(
            classes=[[3, 1], [0, 2]],
            accuracy=[[first, None], [last, second]],
            initial_accuracy=None,
            depth_accuracy=[[[0.5, first], None], [[0.5, last], [0.5, second]]],
            noise=[
                NoiseResult(
                    corruption="gaussian",
                    level=0.1,
                    accuracy=[[None, None], [last - 4 / 80, second - 4 / 80]],
                )
            ],
            validation=Validation(
                accuracy=[[held_first, None], [held_last, held_second]],
                depth_accuracy=[
                    [[0.5, held_first], None],
                    [[0.5, held_last], [0.5, held_second]],
                ],
                counts=[24, 24],
                changes=[[gone + 1, 1], [0, 0]],
            ),
            test_counts=[80, 80],
            train_loss=[[0.7], [0.6]],
            parameters=[1_000, 2_000],
            flops=[10_000, 20_000],
            seconds=Seconds(train=2.0, evaluate=0.5),
            peak_memory=100 * 2**20,
            images_seen=432,
            precision="fp32",
        ),
        provenance=example_provenance(
            DataProvenance(
                name="digits100",
                fingerprint="0123456789ab",
                canonical=False,
                train=12_000,
                test=4_000,
            ),
            seed,
            disjoint="432, 48",
        ),
    )
