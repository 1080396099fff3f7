"""A small stream of real digits, and learners on it that can be looked into."""

import msgspec
import pytest
import torch

from acn_bench.benchmarks.continual.protocol import ContinualRun
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.benchmarks.run import Run
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import images
from acn_bench.families.mixer import MixerSpec
from acn_bench.strategies.naive import NaiveSpec

PROTOCOL = ContinualSpec(
    name="small", data="digits100", experiences=3, classes_per_experience=3, epochs=2, batch_size=32,
    crop_padding=2,
)  # fmt: skip
BACKBONE = MixerSpec(wiring="ac", depth=2, patch_size=8, width=32, token_width=16, channel_width=64)


def config(strategy=None, *, backbone=None, network=None, seeds=None, **protocol):
    return RunConfig(
        benchmark=msgspec.structs.replace(PROTOCOL, **protocol),
        strategy=strategy or NaiveSpec(name="naive"),
        backbone=network or msgspec.structs.replace(BACKBONE, **(backbone or {})),
        seeds=seeds or Seeds(),
        fingerprint=images.load("digits100").fingerprint,
    )


@pytest.fixture
def small():
    """Makes a run of the small protocol: `small(strategy, experiences=…)`."""

    def make(strategy=None, **changes):
        run = config(strategy, **changes)
        return ContinualRun(Run(run, [images.load("digits100")], torch.device("cpu")))

    return make
