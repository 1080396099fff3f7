"""The precision of a run on devices with and without bf16 instructions, whatever this machine has."""

import platform

import pytest
import torch

from acn_bench import device

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def processor(monkeypatch):
    """`processor(bf16=…, amx=…, machine=…)`: the instructions that torch finds."""
    monkeypatch.delenv(device.SLOW_BF16, raising=False)

    def has(*, bf16=False, amx=False, machine="x86_64"):
        monkeypatch.setattr(platform, "machine", lambda: machine)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bf16)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)

    return has


@pytest.mark.parametrize("precision", ["auto", "fp32"])
def test_fp32_runs_on_any_processor(processor, precision):
    processor()
    assert device.resolve_precision(precision, CPU) == "fp32"


@pytest.mark.parametrize("instructions", [{"bf16": True}, {"amx": True}])
def test_bf16_runs_on_a_processor_that_has_its_instructions(processor, instructions):
    processor(**instructions)
    assert device.resolve_precision("bf16", CPU) == "bf16"


def test_bf16_is_refused_on_other_processors_with_the_reason_and_two_ways_on(processor):
    processor()
    with pytest.raises(ValueError, match="has no bf16 instructions") as e:
        device.resolve_precision("bf16", CPU)
    assert device.describe(CPU) in str(e.value)
    assert "precision=fp32" in str(e.value)
    assert "set ACN_BENCH_SLOW_BF16=1 to compute in bf16 anyway" in str(e.value)


def test_whoever_wants_slow_bf16_has_it(processor, monkeypatch):
    processor()
    monkeypatch.setenv("ACN_BENCH_SLOW_BF16", "1")
    assert device.resolve_precision("bf16", CPU) == "bf16"


@pytest.mark.parametrize("supported", [True, False])
def test_a_gpu_is_asked_for_instructions_of_its_own(processor, monkeypatch, supported):
    processor(bf16=not supported)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: supported)
    monkeypatch.setattr(device, "describe", lambda _: "a GPU")
    if supported:
        assert device.resolve_precision("bf16", CUDA) == "bf16"
    else:
        with pytest.raises(ValueError, match="a GPU, has no bf16 instructions"):
            device.resolve_precision("bf16", CUDA)


@pytest.mark.parametrize("supported", [True, False])
def test_an_arm_processor_is_asked_through_onednn(processor, monkeypatch, supported):
    processor(machine="aarch64")
    monkeypatch.setattr(
        torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: supported, raising=False
    )
    assert device.has_bf16(CPU) == supported


def test_an_unknown_precision_names_the_known_ones(processor):
    processor()
    with pytest.raises(ValueError, match=r"unknown precision 'fp8'\. Known: auto, fp32, bf16"):
        device.resolve_precision("fp8", CPU)
