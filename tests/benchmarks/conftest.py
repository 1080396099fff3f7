"""A tiny stream of real digits, and runs on it."""

from dataclasses import replace
from types import ModuleType

import msgspec
import pytest
import torch
from torch import nn

from acn_bench.benchmarks.continual import protocol
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.benchmarks.run import Run
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import images
from acn_bench.families.mixer import MixerSpec
from acn_bench.strategies.naive import NaiveSpec

PROTOCOL = ContinualSpec(
    name="tiny", data="digits100", experiences=2, classes_per_experience=3, epochs=2, batch_size=32,
    crop_padding=2, noise={"gaussian": (0.1, 0.4), "salt_and_pepper": (0.1,)},
)  # fmt: skip
BACKBONE = MixerSpec(
    wiring="ac", depth=2, patch_size=8, width=32, token_width=16, channel_width=64
)  # fmt: skip


@pytest.fixture(scope="session")
def digits():
    """digits100."""
    return images.load("digits100")


@pytest.fixture(scope="session")
def few():
    """Makes a smaller data set: `few(data, classes, train, test)` has the first rows of each of the first classes."""

    def make(data, classes, train, test):
        def rows(labels, count):
            return torch.cat([(labels == c).nonzero().squeeze(1)[:count] for c in range(classes)])

        trained, tested = rows(data.train_labels, train), rows(data.test_labels, test)
        return replace(
            data,
            train_images=data.train_images[trained], train_labels=data.train_labels[trained],
            test_images=data.test_images[tested], test_labels=data.test_labels[tested],
            class_names=data.class_names[:classes],
        )  # fmt: skip

    return make


@pytest.fixture(scope="session")
def config(digits):
    """Makes a config: `config(wiring="residual", seeds=…, strategy=…, epochs=…)`."""

    def make(*, strategy=None, seeds=None, backbone=None, wiring="ac", **protocol):
        return RunConfig(
            benchmark=msgspec.structs.replace(PROTOCOL, **protocol),
            strategy=strategy or NaiveSpec(name="naive"),
            backbone=backbone or msgspec.structs.replace(BACKBONE, wiring=wiring),
            seeds=seeds or Seeds(),
            fingerprint=digits.fingerprint,
        )

    return make


@pytest.fixture(scope="session")
def run(config, digits):
    """Makes a run that is yet to be measured."""

    def make(**changes):
        return protocol.ContinualRun(Run(config(**changes), [digits], torch.device("cpu")))

    return make


@pytest.fixture(scope="session")
def measure(config, digits):
    """Measures a config, each once."""
    known = {}

    def measured(**changes):
        made = config(**changes)
        if made.run_id not in known:
            known[made.run_id] = protocol.measure(Run(made, [digits], torch.device("cpu")))
        return known[made.run_id]

    return measured


class Convolution(nn.Module):
    """Anybody's network: batch statistics, dropout, and a weight that nothing reads."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 4, 8, stride=8), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.1), nn.Flatten()
        )  # fmt: skip
        self.unread = nn.Linear(2, 2)
        self.head = nn.Linear(64, num_classes)

    def forward(self, x):
        return self.head(self.body(x))


@pytest.fixture
def factory(monkeypatch):
    """The `module:function` of a user's network."""
    module = ModuleType("anybodys_networks")
    module.convolution = Convolution
    monkeypatch.setitem(__import__("sys").modules, module.__name__, module)
    return "anybodys_networks:convolution"
