"""What a network costs, against arithmetic."""

import gc
import os

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from acn_bench.backbones import EarlyExit, add_branches, build
from acn_bench.backbones.early_exit import entropy
from acn_bench.backbones.wiring import WIRINGS
from acn_bench.evaluation import cost

STEM = 16 * 2 * 192 * 24  # 4·4 tokens, each 3·8·8 values times a matrix; 2 per multiply-add
BLOCK = 2 * (2 * 24 * 16 * 12) + 2 * (
    2 * 16 * 24 * 32
)  # two matrices over tokens, two over channels
HEAD = 2 * 24 * 5


needs_reset = pytest.mark.skipif(
    not os.access("/proc/self/clear_refs", os.W_OK), reason="a peak cannot be reset here"
)


def network(precision="fp32"):
    made = build(
        "ac_mixer", 5, depth=2, patch_size=8, width=24, token_width=12, channel_width=32,
        precision=precision,
    )  # fmt: skip
    made.head = nn.Identity()
    return made


def test_flops_are_two_per_multiply_add_of_one_image_through_one_head():
    heads = nn.ModuleList([nn.Linear(24, 5) for _ in range(3)])
    for precision in ("fp32", "bf16"):
        _, flops = cost.by_depth(network(precision), heads, torch.rand(1, 3, 32, 32))
        assert flops == [STEM + HEAD, STEM + BLOCK + HEAD, STEM + 2 * BLOCK + HEAD]


def test_parameters_are_of_the_network_cut_to_each_depth_and_of_all_heads():
    heads = nn.ModuleList([nn.Linear(24, 5) for _ in range(3)])
    parameters, _ = cost.by_depth(network(), heads, torch.rand(1, 3, 32, 32))
    stem, norm = 193 * 24, 2 * 24
    block = 2 * norm + 17 * 12 + 13 * 16 + 25 * 32 + 33 * 24
    assert parameters == [stem + norm + k * block + 3 * 25 * 5 for k in range(3)]


def test_a_network_without_depths_has_one_figure_each():
    parameters, flops = cost.by_depth(nn.Flatten(), nn.Linear(3072, 2), torch.rand(1, 3, 32, 32))
    assert (parameters, flops) == ([3073 * 2], [2 * 3072 * 2])


def test_counting_leaves_the_network_in_the_mode_that_it_was_in():
    model = network()
    model.blocks[0].eval()
    cost.by_depth(model, nn.Linear(24, 5), torch.rand(1, 3, 32, 32))
    assert model.training
    assert not model.blocks[0].training


def test_peak_memory_is_that_of_this_process():
    cost.reset_peak_memory(torch.device("cpu"))
    assert 2**25 < cost.peak_memory(torch.device("cpu")) < 2**36


@pytest.mark.skipif(
    not os.access("/proc/self/clear_refs", os.W_OK), reason="a peak cannot be reset here"
)
def test_the_peak_of_an_earlier_run_in_the_same_process_does_not_count():
    cpu = torch.device("cpu")
    cost.reset_peak_memory(cpu)
    torch.ones(2**27)  # half a gigabyte, at once given back
    before = cost.peak_memory(cpu)
    cost.reset_peak_memory(cpu)
    assert cost.peak_memory(cpu) < before - 2**28


BRANCH = 2 * 24 * 48 + 2 * 48 * 5


def exits_of(by, **options):
    made = build(
        "ac_mixer", 5, depth=3, patch_size=8, width=24, token_width=12, channel_width=32, **options
    )
    add_branches(made, after=(1, 2))
    return EarlyExit(made, by=by)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_an_exit_costs_its_blocks_and_every_exit_that_was_asked_in_vain(precision):
    image = torch.rand(1, 3, 32, 32)
    assert cost.by_exit(exits_of("head", precision=precision), image) == {
        k: STEM + k * BLOCK + k * HEAD for k in (1, 2, 3)
    }
    assert cost.by_exit(exits_of("branches", precision=precision), image) == {
        1: STEM + BLOCK + BRANCH,
        2: STEM + 2 * BLOCK + 2 * BRANCH,
        3: STEM + 3 * BLOCK + 2 * BRANCH + HEAD,
    }


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_attention_is_counted_and_the_pooler_of_a_text_is_part_of_asking_the_head(precision):
    made = build(
        "residual_bert", 5, depth=2, vocab_size=50, max_length=8, width=24, heads=3,
        precision=precision,
    )  # fmt: skip
    layers = 2 * 8 * (4 * 24 * 24 + 2 * 24 * 96)  # qkv and projection, MLP
    attention = 2 * (2 * 8 * 8 * 24)  # scores, and what they mix
    pooler = 2 * 24 * 24
    flops = cost.by_exit(EarlyExit(made), torch.ones(1, 8, dtype=torch.long))
    assert flops == {k: k * (layers + attention + pooler + HEAD) for k in (1, 2)}


@pytest.mark.parametrize("by", ["head", "branches"])
@pytest.mark.parametrize("wiring", WIRINGS)
def test_a_batch_costs_what_its_examples_do_by_where_they_left(wiring, by):
    torch.manual_seed(0)
    made = build(
        f"{wiring}_mixer", 5, depth=3, patch_size=8, width=24, token_width=12, channel_width=32
    )  # fmt: skip
    add_branches(made, after=(1, 2))
    images = torch.rand(6, 3, 32, 32)
    first = made.forward_depths(images)[1] if by == "head" else made.exit_logits(images)[1]
    exits = EarlyExit(made, entropy(first.detach()).median().item() + 1e-6, by)
    with FlopCounterMode(display=False) as counter:
        depths = exits(images).depth.tolist()
    assert 0 < depths.count(1) < 6
    each = cost.by_exit(exits, images[:1])
    assert counter.get_total_flops() == sum(each[k] for k in depths)


@needs_reset
def test_what_an_earlier_run_left_in_a_circle_is_not_counted():
    def leave():
        learner = {"images": torch.ones(64 * 2**20, dtype=torch.uint8)}
        learner["plugin"] = learner

    cpu = torch.device("cpu")
    cost.reset_peak_memory(cpu)
    before = cost.peak_memory(cpu)
    gc.disable()
    try:
        leave()
        assert cost.peak_memory(cpu) > before + 48 * 2**20
        cost.reset_peak_memory(cpu)
    finally:
        gc.enable()
    assert cost.peak_memory(cpu) < before + 16 * 2**20


@needs_reset
def test_memory_that_the_allocator_kept_of_an_earlier_run_is_not_counted():
    cpu = torch.device("cpu")
    cost.reset_peak_memory(cpu)
    before = cost.peak_memory(cpu)
    earlier = [bytearray(60_000) for _ in range(6000)]  # 360 MB, each too small to be mapped alone
    assert cost.peak_memory(cpu) > before + 2**28
    pin = earlier[-1]  # the heap's end: what lies below it, the allocator keeps
    del earlier
    cost.reset_peak_memory(cpu)
    assert cost.peak_memory(cpu) < before + 2**26
    assert len(pin) == 60_000
