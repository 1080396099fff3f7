"""How the speed of networks is timed, with a clock that training steps set."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from acn_bench.benchmarks.run import Cost
from acn_bench.execution import estimate

CPU = torch.device("cpu")


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still, but for what training steps take."""
    now = SimpleNamespace(seconds=0.0, timed={})
    monkeypatch.setattr(estimate, "perf_counter", lambda: now.seconds)
    return now


@pytest.fixture
def plan(clock, monkeypatch):
    """`plan({name: seconds per image}, batch, rows)`: the estimates of a run of one image for each network."""

    def estimates(speeds, *, batch=64, rows=1000):
        configs = [
            SimpleNamespace(backbone=Backbone(name), precision="fp32", strategy=None)
            for name in speeds
        ]

        def training_step(config, *_):
            name = config.backbone.name

            def step(count):
                taken = speeds[name] * count + 0.3 * (not clock.timed)  # to set libraries up
                clock.seconds += taken
                clock.timed.setdefault(name, []).append(count)
                return taken

            return step

        monkeypatch.setattr(estimate, "cost_of", lambda *_: Cost(1, batch, classes=2))
        monkeypatch.setattr(estimate, "_training_step", training_step)
        notes = []
        data = SimpleNamespace(counts=SimpleNamespace(train=rows))
        seconds = estimate.seconds(configs, [data], CPU, notes.append)
        return [s / estimate.OVERHEAD for s in seconds], notes

    return estimates


class Backbone(str):
    """A network, told apart by its name; the package makes it."""

    function = None
    trained = False

    @property
    def name(self):
        return str(self)


def test_quick_networks_are_timed_at_their_batch(plan, clock):
    seconds, notes = plan({"a": 1e-5, "b": 2e-5})
    assert seconds == pytest.approx([1e-5, 2e-5])
    assert max(clock.timed["a"]) == max(clock.timed["b"]) == 64
    assert notes == ["measuring the speed of 2 networks: 10 s at most"]


@pytest.mark.parametrize("count", [1, 3, 30, 1000])
@pytest.mark.parametrize("speed", [1e-4, 0.02, 0.7, 20.0])
def test_all_networks_together_are_timed_within_ten_seconds_but_for_one_step(plan, clock, count, speed):  # fmt: skip
    seconds, notes = plan({f"n{k}": speed for k in range(count)})
    assert clock.seconds <= 10 + 2 * speed
    assert seconds == pytest.approx([speed] * count, rel=0.1)
    untimed = count - len(clock.timed)
    assert (f"{untimed} network" in "".join(notes[1:])) == bool(untimed)


def test_slow_steps_are_timed_in_smaller_batches(plan, clock):
    seconds, _ = plan({"a": 0.1})
    assert seconds == pytest.approx([0.1])
    assert 2 < max(clock.timed["a"]) < 64


def test_no_network_takes_the_time_of_the_next(plan, clock):
    seconds, _ = plan({"slow": 0.3, "quick": 1e-4})
    assert seconds == pytest.approx([0.3, 1e-4])
    assert max(clock.timed["quick"]) == 64


def test_a_network_that_is_not_timed_counts_as_the_slowest(plan, clock):
    seconds, notes = plan({"a": 0.5, "b": 30.0, "c": 1e-3})
    assert seconds == pytest.approx([0.5, 30.0, 30.0])
    assert notes[1] == (
        "in that time 1 network could not be timed: the slowest of the others stands for each"
    )


@pytest.mark.parametrize(("batch", "rows", "largest"), [(10**6, 200, 200), (10**9, 10**9, 256), (1, 300, 1)])  # fmt: skip
def test_no_batch_is_timed_that_is_larger_than_the_data_or_than_tells_anything(
    plan, clock, batch, rows, largest
):
    plan({"a": 1e-6}, batch=batch, rows=rows)
    assert max(clock.timed["a"]) == largest


class Sized(nn.Module):
    """Knows how many images it was given."""

    def __init__(self):
        super().__init__()
        self.head, self.sizes = nn.Linear(3, 2), []

    def forward(self, images):
        self.sizes.append(len(images))
        return self.head(images.mean((2, 3)))


def test_a_step_takes_the_images_that_it_is_asked_for(monkeypatch):
    network = Sized()
    monkeypatch.setattr(estimate, "untrained", lambda *_: network)
    small = SimpleNamespace(
        benchmark=SimpleNamespace(image_shape=lambda _: (3, 8, 8)),
        backbone=SimpleNamespace(trained=False),
    )
    photographs = SimpleNamespace(image_shape=None)  # of several sizes: the benchmark has one
    step = estimate._training_step(small, Cost(1, 64, classes=2), photographs, CPU)
    assert step(2) > 0
    assert step(7) > 0
    assert network.sizes == [2, 7]


def test_a_network_that_cannot_take_a_step_is_named(plan, monkeypatch):
    def raises(*_):
        raise RuntimeError("sizes do not match\nand more")

    monkeypatch.setattr(estimate, "_seconds_per_image", raises)
    with pytest.raises(ValueError, match=r"^a cannot be trained here: sizes do not match$"):
        plan({"a": 1.0})


def test_a_network_for_which_there_is_no_memory_is_named(plan, monkeypatch):
    def raises(*_):
        raise MemoryError

    monkeypatch.setattr(estimate, "_seconds_per_image", raises)
    with pytest.raises(ValueError, match=r"^a cannot be trained here: there is too little memory$"):
        plan({"a": 1.0})
