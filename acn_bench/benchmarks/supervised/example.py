"""The smallest card and a record of a supervised run: for tests, and for whoever reads the format."""

from acn_bench.benchmarks.example_provenance import DIGITS10, example_provenance
from acn_bench.benchmarks.supervised.record import SupervisedRecord
from acn_bench.benchmarks.supervised.result import (
    ExitCounts,
    Exits,
    NoiseScores,
    Scores,
    SupervisedResult,
)
from acn_bench.benchmarks.supervised.spec import SupervisedConfig, SupervisedSpec
from acn_bench.config import RunConfig, Seeds
from acn_bench.families.mixer import MixerSpec
from acn_bench.record import SCHEMA, RunRecord
from acn_bench.result import RowCounts, Seconds
from acn_bench.spec import Wiring

SMALLEST_CARD = """
name = "smallest_supervised"
intent = "Does the line hold?"
citation = "none"

[protocol]
kind = "supervised"
data = "digits10"
epochs = 2
crop_padding = 0
flip = false
schedule = "cosine"
cutmix = 0.5
noise = { gaussian = [0.2], salt_and_pepper = [0.05] }
exit_thresholds = [0.7]

[defaults]
backbones = ["ac_mixer", "residual_mixer"]
seeds = [0]
depth = 2
sizes = { mixer = { patch_size = 8, width = 16, token_width = 8, channel_width = 16 } }

[[claim]]
name = "learns"
statement = "AC learns better"
metric = "accuracy"
direction = "higher"
source = "none"
"""

NOISE: dict[str, tuple[float, ...]] = {"gaussian": (0.2,), "salt_and_pepper": (0.05,)}
ROWS = RowCounts(train=1_216, validation=135, test=446)


def example_record(wiring: Wiring = "ac", seed: int = 0) -> SupervisedRecord:
    """A record as a run would leave it; AC ends 20 test images above another wiring."""
    right = (380 if wiring == "ac" else 360) + 2 * seed
    held_out = (115 if wiring == "ac" else 108) + seed
    config: SupervisedConfig = RunConfig(
        benchmark=SupervisedSpec(
            name="smallest_supervised",
            data="digits10",
            epochs=2,
            crop_padding=0,
            flip=False,
            schedule="cosine",
            cutmix=0.5,
            noise=NOISE,
            exit_thresholds=(0.7,),
        ),
        strategy=None,
        backbone=MixerSpec(wiring=wiring, depth=2),
        seeds=Seeds(order=seed, init=seed, data=seed, noise=seed),
        fingerprint="0123456789ab",
    )
    return RunRecord(
        schema=SCHEMA,
        run_id=config.run_id,
        config=config,
        result=SupervisedResult(
            classes=10,
            class_order=list(range(10)),
            rows=ROWS,
            steps=38,
            train_loss=[1.9, 1.2],
            weights="raw",
            validation=_scores(held_out, ROWS.validation),
            changes=[[held_out - 40, 0], [3, 2], [0, 0]],
            test=_scores(right, ROWS.test),
            noise=[_noisy(name, v, right - 80) for name, vs in NOISE.items() for v in vs],
            exits=_exits(right),
            parameters=[1_000, 2_000, 3_000],
            flops=[10_000, 20_000, 30_000],
            seconds=Seconds(train=2.0, evaluate=0.5),
            peak_memory=100 * 2**20,
            images_seen=2_432,
            precision="fp32",
        ),
        provenance=example_provenance(DIGITS10, seed),
    )


def _curves(right: int, rows: int) -> dict[str, list[int]]:
    return {"top1": [40, right - 1, right], "top5": [rows // 2, rows - 2, rows]}


def _scores(right: int, rows: int) -> Scores:
    return Scores(**_curves(right, rows), loss=[2.1, 0.8, 0.7])


def _noisy(name: str, level: float, right: int) -> NoiseScores:
    curves = _curves(right, ROWS.test)
    return NoiseScores(corruption=name, level=level, **curves, loss=[2.2, 1.3, 1.2])


def _exits(right: int) -> Exits:
    """Half of the images leave after the first of two blocks."""
    half = ROWS.test // 2
    counts = ExitCounts(threshold=0.7, left=[half, ROWS.test - half], correct=[half - 10, right - half])  # fmt: skip
    return Exits(by="head", depths=[1, 2], flops=[20_000, 31_000], counts=[counts])
