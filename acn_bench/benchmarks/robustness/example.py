"""The smallest card and a record of a robustness run: for tests, and for whoever reads the format."""

from typing import Any

from acn_bench.benchmarks.example_provenance import DIGITS10, example_provenance
from acn_bench.benchmarks.robustness.record import RobustnessRecord
from acn_bench.benchmarks.robustness.result import (
    BINS,
    CorruptedScores,
    ExampleImage,
    Reliability,
    RobustnessResult,
    Scores,
)
from acn_bench.benchmarks.robustness.spec import RobustnessConfig, RobustnessSpec
from acn_bench.config import RunConfig, Seeds
from acn_bench.families.mixer import MixerSpec
from acn_bench.record import SCHEMA, RunRecord
from acn_bench.result import RowCounts, Seconds
from acn_bench.spec import Wiring

SMALLEST_CARD = """
name = "smallest_robustness"
intent = "Does the line hold?"
citation = "none"

[protocol]
kind = "robustness"
data = "digits10"
epochs = 1
crop_padding = 0
flip = false
noise = { gaussian = [0.2], salt_and_pepper = [0.05] }
corruptions = ["contrast", "pixelate"]
severities = [1, 5]

[defaults]
backbones = ["ac_mixer", "residual_mixer"]
seeds = [0]
depth = 1
sizes = { mixer = { patch_size = 8, width = 16, token_width = 8, channel_width = 16 } }

[[claim]]
name = "resists"
statement = "AC resists corruptions better"
metric = "corrupted_accuracy"
direction = "higher"
source = "none"
"""

NOISE: dict[str, tuple[float, ...]] = {"gaussian": (0.2,), "salt_and_pepper": (0.05,)}
CORRUPTIONS = ("contrast", "pixelate")
SEVERITIES = (1, 5)
GREY_PIXEL = (  # a PNG of one pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg=="
)
LOST = {1: 0.1, 5: 0.4}  # accuracy, by severity


def example_record(wiring: Wiring = "ac", seed: int = 0) -> RobustnessRecord:
    """A record as a run would leave it; AC loses 5 points less than another wiring."""
    clean = 0.8 + 0.01 * seed
    more = 0.0 if wiring == "ac" else 0.05
    config: RobustnessConfig = RunConfig(
        benchmark=RobustnessSpec(
            name="smallest_robustness",
            data="digits10",
            epochs=1,
            crop_padding=0,
            flip=False,
            noise=NOISE,
            corruptions=CORRUPTIONS,
            severities=SEVERITIES,
        ),
        strategy=None,
        backbone=MixerSpec(wiring=wiring, depth=1),
        seeds=Seeds(order=seed, init=seed, data=seed, noise=seed),
        fingerprint="0123456789ab",
    )
    return RunRecord(
        schema=SCHEMA,
        run_id=config.run_id,
        config=config,
        result=RobustnessResult(
            classes=10,
            rows=RowCounts(train=1_216, validation=135, test=446),
            train_loss=[0.9],
            held_out=[clean],
            validation=_scores(clean),
            changes=[[60, 2], [0, 0]],
            clean=_scores(clean),
            noise=[_corrupted(n, v, clean - 0.2 - more) for n, vs in NOISE.items() for v in vs],
            corruptions=[
                _corrupted(name, severity, clean - LOST[severity] - more)
                for name in CORRUPTIONS
                for severity in SEVERITIES
            ],
            reliability=[_reliability(0, 446), *(_reliability(s, 892) for s in SEVERITIES)],
            example_images=[
                ExampleImage(corruption=name, level=level, png=GREY_PIXEL)
                for name, level in (("", 0.0), ("gaussian", 0.2), ("contrast", 5.0))
            ],
            parameters=[1_000, 2_000],
            flops=[10_000, 20_000],
            seconds=Seconds(train=2.0, evaluate=0.5),
            peak_memory=100 * 2**20,
            images_seen=1_216,
            precision="fp32",
        ),
        provenance=example_provenance(DIGITS10, seed),
    )


def _curves(end: float) -> dict[str, Any]:
    return {
        "accuracy": [0.4, end],
        "nll": [1.5, 1 - end],
        "ece": [0.3, 0.1],
        "brier": [0.7, 0.9 * (1 - end)],
    }


def _scores(end: float) -> Scores:
    return Scores(**_curves(end))


def _corrupted(name: str, level: float, end: float) -> CorruptedScores:
    return CorruptedScores(corruption=name, level=level, **_curves(end))


def _reliability(severity: int, count: int) -> Reliability:
    """All predictions in the two highest bins."""
    low = count // 2
    high = count - low
    empty = [0] * (BINS - 2)
    return Reliability(
        severity=severity,
        count=[*empty, low, high],
        correct=[*empty, low // 2, high - high // 5],
        confidence=[*map(float, empty), 0.9 * low, 0.96 * high],
    )
