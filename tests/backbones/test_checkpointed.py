"""With checkpointing blocks run again in the backward pass, and nothing that is computed changes."""

import pytest
import torch

from acn_bench.backbones import truncate
from acn_bench.backbones.dropping import Dropping
from acn_bench.backbones.gradients import split
from acn_bench.families.names import BACKBONES, variants

EVERY = [(name, variant) for name in BACKBONES for variant in variants(name)]


def computed(network, given, method):
    """Logits and the gradient of each weight, None where it has none."""
    torch.manual_seed(5)
    logits = getattr(network, method)(*given)
    loss = logits.square().sum()
    return logits, *torch.autograd.grad(loss, list(network.parameters()), allow_unused=True)


def assert_the_same(network, given):
    for method in ("forward", "forward_depths"):
        network.checkpointing = False
        stored = computed(network, given, method)
        network.checkpointing = True
        again = computed(network, given, method)
        assert [g is None for g in stored] == [g is None for g in again]
        assert all(torch.equal(a, b) for a, b in zip(stored, again, strict=True) if a is not None)


def doubles(given):
    return tuple(x.double() if x.is_floating_point() else x for x in given)


@pytest.mark.parametrize("dg_only", [False, True])
@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_gradients_are_the_same_to_the_bit(small, inputs, name, variant, dg_only):
    network = small(name, variant=variant).double()
    network.dg_only = dg_only
    assert_the_same(network, doubles(inputs(name)))


@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("per_example", [False, True])
def test_the_same_blocks_drop(small, inputs, name, per_example):
    network = small(name)
    network.dropping = Dropping((0.2, 0.5, 0.5), per_example)
    assert_the_same(network, inputs(name))


@pytest.mark.parametrize("name", BACKBONES)
def test_under_bf16_too_where_blocks_run_again_in_bf16(small, inputs, name):
    network = small(name, precision="bf16")
    assert_the_same(network, inputs(name))
    dtypes = []
    for block in network.blocks:
        branch = block.token_mixing if name.endswith("mixer") else block.attn
        branch.register_forward_hook(lambda _m, _x, out: dtypes.append(out.dtype))
    network(*inputs(name)).sum().backward()
    assert dtypes == [torch.bfloat16] * 6


@pytest.mark.parametrize("name", ["ac_vit", "residual_vit"])
def test_dropout_in_a_block_draws_the_same_again(small, images, name):
    network = small(name)
    for block in network.blocks:
        block.mlp.act = torch.nn.Sequential(torch.nn.GELU(), torch.nn.Dropout(0.5))
    assert_the_same(network, (images,))
    torch.manual_seed(5)
    network(images).square().sum().backward()
    drawn = torch.rand(1)
    network.checkpointing = False
    torch.manual_seed(5)
    network(images)
    assert torch.equal(torch.rand(1), drawn)


def test_each_block_runs_twice_in_training_and_once_without_gradients(small, images):
    network = small("ac_mixer")
    network.checkpointing = True
    calls = []
    for i, block in enumerate(network.blocks):
        block.register_forward_pre_hook(lambda *_, i=i: calls.append(i))
    network(images).sum().backward()
    assert calls == [0, 1, 2, 2, 1, 0]
    calls.clear()
    with torch.no_grad():
        network(images)
    assert calls == [0, 1, 2]


@pytest.mark.parametrize("name", ["ac_mixer", "densenet_mixer"])
def test_it_is_off_by_default_and_stays_as_it_was_set_when_cut(small, name):
    network = small(name)
    assert network.checkpointing is False
    network.checkpointing = True
    assert truncate(network, 2).checkpointing is True
    network.checkpointing = False
    assert truncate(network, 2).checkpointing is False
    assert not any("checkpointing" in key for key in network.state_dict())


def test_the_split_of_gradients_is_the_same(small, images):
    network = small("residual_mixer").double()
    expected = split(network, lambda: network(images.double()).square().sum())
    network.checkpointing = True
    assert split(network, lambda: network(images.double()).square().sum()) == expected
