"""The estimate of a run's work agrees with what the run then does."""

import pytest

from acn_bench.benchmarks.continual.cost import passes
from acn_bench.strategies.agem import AgemSpec
from acn_bench.strategies.cumulative import CumulativeSpec
from acn_bench.strategies.der import DerSpec
from acn_bench.strategies.er_ace import ErAceSpec
from acn_bench.strategies.ewc import EwcSpec
from acn_bench.strategies.gdumb import GdumbSpec
from acn_bench.strategies.icarl import IcarlSpec
from acn_bench.strategies.joint import JointSpec
from acn_bench.strategies.lwf import LwfSpec
from acn_bench.strategies.mas import MasSpec
from acn_bench.strategies.naive import NaiveSpec
from acn_bench.strategies.replay import ReplaySpec

KINDS = [
    NaiveSpec(name="naive"), JointSpec(name="joint"), CumulativeSpec(name="cumulative"),
    ReplaySpec(name="replay", memory=40, memory_batch_size=16), EwcSpec(name="ewc"),
    LwfSpec(name="lwf"), MasSpec(name="mas"), AgemSpec(name="agem", sample_size=16),
    DerSpec(name="der", memory=40, memory_batch_size=16), IcarlSpec(name="icarl", memory=40),
    ErAceSpec(name="er_ace", memory=40, memory_batch_size=16), GdumbSpec(name="gdumb", memory=40),
]  # fmt: skip


@pytest.mark.parametrize("spec", KINDS, ids=lambda s: s.name)
def test_the_images_of_each_strategy_are_foreseen(run, spec):
    made = run(strategy=spec, heads="one", epochs=1, noise={})
    result = made.measure().result
    rows = sum(len(own) for own in made.split.train)
    assert result.images_seen == pytest.approx(rows * passes(made.config, rows), rel=0.1)
