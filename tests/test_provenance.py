"""What a record says of whether its figures compare with published ones."""

from dataclasses import replace

import msgspec
import pytest

from acn_bench.benchmarks.continual.spec import ContinualSpec
from acn_bench.config import RunConfig, Seeds
from acn_bench.data import images
from acn_bench.execution import provenance
from acn_bench.families.mixer import MixerSpec
from acn_bench.result import Guard
from acn_bench.strategies.naive import NaiveSpec


@pytest.fixture
def config():
    return RunConfig(
        benchmark=ContinualSpec(name="x", experiences=20, classes_per_experience=5),
        strategy=NaiveSpec(name="naive"),
        backbone=MixerSpec(wiring="ac"),
        seeds=Seeds(),
        fingerprint="0" * 12,
    )


def test_only_the_full_original_data_compares_with_published_figures(config):
    data = images.load("digits100")
    (reason,) = provenance._not_comparable(config, [data], [])
    assert "digits100 is not the full original data: 12,000 training and 4,000 test" in reason
    assert provenance._not_comparable(config, [replace(data, canonical=True)], []) == []


def test_a_failed_check_or_a_shortened_protocol_is_a_reason_too(config):
    data = replace(images.load("digits100"), canonical=True)
    guards = [Guard(name="a", passed=True, detail=""), Guard(name="b", passed=False, detail="why")]
    quick = msgspec.structs.replace(config, quick=True)
    assert provenance._not_comparable(quick, [data], guards) == [
        "--quick: a shortened protocol",
        "check failed: b (why)",
    ]
