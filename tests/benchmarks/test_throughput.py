"""Speed is measured in turns, and the ratio is of what was measured."""

import time

import pytest
import torch

from acn_bench.evaluation import throughput


@pytest.fixture(autouse=True)
def _quickly(monkeypatch):
    monkeypatch.setattr(throughput, "SECONDS", 0.02)


def sleeper(calls, name, seconds):
    def forward(batch):
        calls.append((name, len(batch)))
        time.sleep(seconds)
        return batch

    return forward


def test_the_arms_take_turns_and_the_faster_one_is_found():
    calls = []
    result = throughput.throughput(
        sleeper(calls, "a", 0.01), sleeper(calls, "b", 0.002), torch.zeros(8, 1), "here", 7
    )
    assert result.repetitions == 7
    assert 1.5 < result.speed_up < 20
    assert result.before.lowest <= result.before.median <= result.before.highest < 800
    turns = [name for k, (name, _) in enumerate(calls) if k == 0 or calls[k - 1][0] != name]
    assert "".join(turns).endswith("ab" * 7)


def test_a_network_that_is_slow_is_measured_on_fewer_examples(monkeypatch):
    monkeypatch.setattr(throughput, "SLOW", 0.05)
    calls = []
    arms = [sleeper(calls, name, 0.02) for name in "ab"]
    result = throughput.throughput(*arms, torch.zeros(8, 1), "here", 3)
    assert 1 <= result.batch <= 2
