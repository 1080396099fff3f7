"""The user's own networks, strategies and data sets: a fault of theirs is one sentence, before anything runs."""

import sys
from types import ModuleType

import pytest
import torch
from torch import nn

from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import images
from acn_bench.execution import trial
from acn_bench.spec import FactorySpec
from acn_bench.strategies.builder import BuilderSpec
from acn_bench.strategies.naive import NaiveSpec

CPU = torch.device("cpu")
STREAM = ContinualSpec(
    name="tiny", data="digits100", experiences=2, classes_per_experience=2, epochs=1, crop_padding=0
)


class Net(nn.Module):
    """A small network that keeps the contract; tests change one thing of it."""

    def __init__(self, num_classes):
        super().__init__()
        self.body = nn.Sequential(nn.AvgPool2d(8), nn.Flatten())
        self.head = nn.Linear(48, num_classes)

    def forward(self, x):
        return self.head(self.body(x))


@pytest.fixture
def module(monkeypatch):
    """A module of the user's, by the name `anybodys`."""
    made = ModuleType("anybodys")
    monkeypatch.setitem(sys.modules, "anybodys", made)
    return made


@pytest.fixture
def try_network(module):
    """Tries a factory in a plan: `try_network(Net, batch_size=32)`."""

    def tried(factory, strategy=None, **protocol):
        module.make = factory
        config = RunConfig(
            benchmark=ContinualSpec(**{f: getattr(STREAM, f) for f in STREAM.__struct_fields__} | protocol),
            strategy=strategy or NaiveSpec(name="naive"),
            backbone=FactorySpec(factory="anybodys:make"),
            seeds=Seeds(),
            fingerprint="",
        )  # fmt: skip
        trial.try_own([config], [images.load("digits100")], CPU)

    return tried


def returning(function):
    """A network whose forward pass returns `function(logits)`."""

    class Returning(Net):
        def forward(self, x):
            return function(super().forward(x))

    return Returning


def raising(error):
    def function(*_):
        raise error

    return returning(function)


class Strange(BaseException):
    """Neither Exception nor SystemExit."""


class SpeechlessError(Exception):
    def __str__(self):
        raise RuntimeError("no words")


# ---------------------------------------------------------------- networks


def test_a_network_that_keeps_the_contract_passes_and_changes_no_generator(try_network):
    before = torch.random.get_rng_state()

    try_network(Net)

    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda y: (y, y), "returns a tuple where logits"),
        (lambda y: [y], "returns a list where"),
        (lambda y: {"logits": y}, "returns a dict where"),
        (lambda _: None, "returns a NoneType where"),
        (lambda y: y.sum(), r"returns \(\) of torch.float32 where logits \(4, 2\)"),
        (lambda y: y.argmax(1), r"returns \(4,\) of torch.int64 where"),
        (lambda y: (y * 10).long(), r"returns \(4, 2\) of torch.int64 where"),
        (lambda y: y / 0 * 0, "returns NaN or infinite values where"),
        (lambda y: y.log_softmax(1), "not that of `.head`"),
        (lambda y: y.squeeze(0) if len(y) == 1 else y, r"returns \(48,\) of torch.float32 where"),
        (lambda y: y.numpy(), "RuntimeError: Can't call numpy"),
    ],
)  # fmt: skip
def test_what_a_network_must_not_return_is_refused_with_the_factorys_name(
    try_network, function, words
):
    with pytest.raises(ValueError, match=rf"^anybodys:make: .*{words}"):
        try_network(returning(function))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("two\nlines"), "RuntimeError: two lines"),
        (ZeroDivisionError(), "ZeroDivisionError"),
        (KeyError("x"), "KeyError: 'x'"),
        (ValueError("of theirs"), "ValueError: of theirs"),
        (StopIteration(), "StopIteration"),
        (GeneratorExit(), "GeneratorExit"),
        (SystemExit(0), "SystemExit: 0"),
        (SystemExit(), "SystemExit"),
        (Strange("?"), r"Strange: \?"),
        (SpeechlessError(), "SpeechlessError"),
        (RuntimeError("x" * 5000), "RuntimeError: x{300}…"),
    ],
)
def test_whatever_a_forward_pass_raises_is_one_sentence(try_network, error, words):
    with pytest.raises(ValueError, match=f"^anybodys:make: {words}$"):
        try_network(raising(error))


def test_ctrl_c_in_a_users_function_stays_ctrl_c(try_network):
    with pytest.raises(KeyboardInterrupt):
        try_network(raising(KeyboardInterrupt()))


def test_a_factory_that_raises_or_exits_is_named(try_network):
    def make(num_classes):
        sys.exit()

    with pytest.raises(ValueError, match=r"^anybodys:make failed with num_classes=2: SystemExit$"):
        try_network(make)


def test_attributes_that_raise_are_one_sentence(try_network):
    class Closed(Net):
        def __getattr__(self, name):
            raise RuntimeError(f"no {name}")

    with pytest.raises(ValueError, match=r"^anybodys:make .*RuntimeError: no "):
        try_network(Closed)


def test_a_network_of_lazy_modules_is_refused(try_network):
    class Lazy(Net):
        def __init__(self, num_classes):
            super().__init__(num_classes)
            self.body = nn.Sequential(nn.Flatten(), nn.LazyLinear(48))

    class LazyHead(Net):
        def __init__(self, num_classes):
            super().__init__(num_classes)
            self.head = nn.LazyLinear(num_classes)

    for network in (Lazy, LazyHead):
        with pytest.raises(ValueError, match=r"^anybodys:make: its network has lazy modules"):
            try_network(network)


def test_a_head_that_cannot_be_replaced_is_refused(try_network):
    class ReadOnly(Net):
        def __init__(self, num_classes):
            nn.Module.__init__(self)
            self.body, self.last = (
                nn.Sequential(nn.AvgPool2d(8), nn.Flatten()),
                nn.Linear(48, num_classes),
            )

        @property
        def head(self):
            return self.last

    class Alias(Net):
        def __init__(self, num_classes):
            super().__init__(num_classes)
            self.last = self.head

        def forward(self, x):
            return self.last(self.body(x))

    class Frozen(Net):
        def __setattr__(self, name, value):
            if isinstance(value, nn.Identity):
                raise AttributeError("frozen")
            super().__setattr__(name, value)

    for network in (ReadOnly, Alias, Frozen):
        with pytest.raises(
            ValueError, match=r"^anybodys:make: `.head` of its network cannot be replaced"
        ):
            try_network(network)  # fmt: skip


def test_a_network_for_other_images_is_refused(try_network):
    class Grey(Net):
        def __init__(self, num_classes):
            super().__init__(num_classes)
            self.body = nn.Sequential(nn.Conv2d(1, 3, 8, 8), nn.Flatten())

    with pytest.raises(ValueError, match=r"^anybodys:make: RuntimeError: Given groups=1"):
        try_network(Grey)


def test_a_network_that_cannot_be_saved_is_refused(try_network):
    class Extra(Net):
        def get_extra_state(self):
            return {"of": "mine"}

        def set_extra_state(self, state):
            pass

    with pytest.raises(ValueError, match=r"^anybodys:make: AttributeError"):
        try_network(Extra)


def test_weights_of_two_names_are_no_fault(try_network):
    class Tied(Net):
        def __init__(self, num_classes):
            super().__init__(num_classes)
            self.first = nn.Linear(48, 48)
            self.second = nn.Linear(48, 48)
            self.second.weight = self.first.weight

        def forward(self, x):
            return self.head(self.second(self.first(self.body(x))))

    try_network(Tied)


# ---------------------------------------------------------------- batches of one image


class BatchNorm(Net):
    def __init__(self, num_classes):
        super().__init__(num_classes)
        self.body.append(nn.BatchNorm1d(48))


def rows():
    """Training rows of each experience: 2 classes, less what is held out."""
    from acn_bench.benchmarks.continual.split import split

    return [len(r) for r in split(images.load("digits100"), STREAM, Seeds()).train]


def test_a_last_batch_of_one_image_is_refused_where_the_network_needs_two(try_network):
    size = rows()[0] - 1
    message = rf"^anybodys:make: its network cannot be trained on one image \(ValueError: Expected more than 1 .*{size} leave one over: --set batch_size={size + 1}$"

    with pytest.raises(ValueError, match=message):
        try_network(BatchNorm, batch_size=size)
    try_network(BatchNorm, batch_size=size + 1)
    try_network(Net, batch_size=size)
    with pytest.raises(ValueError, match="batches of 1 leave one over"):
        try_network(BatchNorm, batch_size=1)


# ---------------------------------------------------------------- strategies


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda *_: sys.exit(0), "anybodys:build failed: SystemExit: 0"),
        (lambda *_: 3, "anybodys:build must make a strategy of Avalanche's, not a int"),
        (lambda: None, "anybodys:build failed: TypeError: .*arguments"),
    ],
)
def test_a_builder_that_fails_is_refused_before_anything_runs(module, try_network, build, words):
    module.build = build

    with pytest.raises(ValueError, match=f"^{words}"):
        try_network(Net, BuilderSpec(name="mine", builder="anybodys:build"))
