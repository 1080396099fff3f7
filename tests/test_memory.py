"""A network that no memory can train is refused before it is built."""

import msgspec
import pytest
import torch

from acn_bench import records
from acn_bench.benchmarks.continual.example import example_record
from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import images
from acn_bench.evaluation import cost
from acn_bench.execution import measured, memory
from acn_bench.families.mixer import MixerSpec
from acn_bench.spec import FactorySpec
from acn_bench.strategies.naive import NaiveSpec
from acn_bench.training.network import untrained

CPU = torch.device("cpu")


def config(backbone=None, wiring="ac", **sizes):
    small = {"depth": 4, "patch_size": 8, "width": 8, "token_width": 4, "channel_width": 8}
    return RunConfig(
        benchmark=ContinualSpec(name="tiny", data="digits10", experiences=2, classes_per_experience=2),
        strategy=NaiveSpec(name="naive"),
        backbone=backbone or MixerSpec(wiring=wiring, **small | sizes),
        seeds=Seeds(),
        fingerprint="0123456789ab",
    )  # fmt: skip


@pytest.fixture
def check():
    """Checks a config on embedded digits."""
    data = [images.load("digits10")]
    return lambda made: memory.check([made], data, CPU)


@pytest.mark.parametrize("wiring", ["ac", "residual", "feedforward", "densenet", "denseformer"])
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_the_weights_are_counted_without_building_them(wiring, depth):
    made = config(wiring=wiring, depth=depth)
    counted, built = memory.parameters(made, 3), cost.parameters(untrained(made, 3))
    if wiring.startswith("dense"):  # later blocks have more
        assert built / 3 < counted <= built
    else:
        assert counted == built


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"channel_width": 10**9}, "parameters or more: to train them takes 1,088 GB"),
        ({"width": 10**7, "channel_width": 10**7, "depth": 10_000}, "parameters or more"),
        ({"width": 2**53, "channel_width": 2**53}, "no ac_mixer:plain has these sizes"),
    ],
)
def test_a_network_that_is_larger_than_the_memory_is_refused_by_name(check, sizes, message):
    with pytest.raises(ValueError, match=f"^.*ac_mixer:plain .*{message}|{message}"):
        check(config(**sizes))


def test_a_network_that_fits_passes_and_a_factorys_is_not_asked(check):
    check(config())
    check(config(FactorySpec(factory="no.such:network")))


def test_more_blocks_than_can_be_built_in_minutes_are_no_depth():
    with pytest.raises(msgspec.ValidationError, match="<= 10000"):
        msgspec.convert({"family": "mixer", "wiring": "ac", "depth": 10_001}, MixerSpec)


# ---------------------------------------------------------------- several runs on one GPU

GB = 10**9


@pytest.mark.parametrize(
    ("peaks", "free", "number"),
    [
        ([GB, 2 * GB], [80 * GB], memory.MOST),
        ([20 * GB, GB], [80 * GB], 2),
        ([20 * GB, GB], [80 * GB, 40 * GB], 1),  # the fullest GPU decides
        ([70 * GB], [80 * GB], 1),
        ([GB, None], [80 * GB], 1),  # a run that was never measured
        ([], [80 * GB], 1),
    ],
)
def test_runs_share_a_gpu_where_their_measured_memory_leaves_room(peaks, free, number):
    assert memory.runs_on_each(peaks, free) == number


def test_what_runs_take_is_measured_by_records_of_other_seeds_on_such_a_device(tmp_path):
    made = example_record()
    seeds = Seeds(order=7, init=7, data=7, noise=7)
    config = msgspec.structs.replace(made.config, seeds=seeds)
    records.save(made, tmp_path)
    known = measured.measured(tmp_path, made.provenance.device)
    assert known[measured.alike(config)].peak_memory == made.result.peak_memory
    assert measured.measured(tmp_path, "another GPU") == {}
    other = msgspec.structs.replace(config, precision="bf16")
    assert measured.alike(other) not in known
