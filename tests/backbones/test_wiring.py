"""Each wiring against arithmetic done by hand, with blocks that multiply by 2, 3, 5."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from acn_bench.backbones import build, wiring
from acn_bench.backbones.wiring import WIRINGS
from acn_bench.families.names import BACKBONES, variants


class Times(nn.Module):
    """A block of one branch that multiplies its input."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(factor, dtype=torch.float64))
        self.input = torch.tensor(torch.nan)

    def forward(self, x, join):
        self.input = x.detach().clone()
        return join(x, x * self.weight)


def times(*factors):
    return [Times(f) for f in factors]


def one():
    return torch.ones(1, dtype=torch.float64)


def wired(name, depth=3):
    """A wiring for blocks of one channel."""
    return WIRINGS[name](depth, 1).double()


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("residual", [1, 1 * (1 + 2), 3 * (1 + 3), 12 * (1 + 5)]),
        ("ac", [1, 1 + 2, 1 + 2 + 2 * 3, 1 + 2 + 6 + 6 * 5]),
        ("feedforward", [1, 2, 6, 30]),
        ("densenet", [1, 1 * 2, (1 + 2) * 3, (1 + 2 + 9) * 5]),
        ("denseformer", [1, 1 * 2, (1 + 2) * 3, (1 + 2 + 9) * 5]),
    ],
)
def test_the_hidden_states_are_those_of_hand_arithmetic(name, by_hand):
    states = wired(name).hidden_states(one(), times(2, 3, 5))
    assert [x.item() for x in states] == by_hand
    assert wiring.last(wired(name).hidden_states(one(), times(2, 3, 5))) == by_hand[-1]


def test_the_sum_is_never_the_input_of_an_ac_block():
    blocks = times(2, 3, 5)
    wiring.last(wired("ac").hidden_states(one(), blocks))
    assert [b.input.item() for b in blocks] == [1, 2, 6]


def test_the_input_of_a_residual_block_is_the_stream():
    blocks = times(2, 3, 5)
    wiring.last(wired("residual").hidden_states(one(), blocks))
    assert [b.input.item() for b in blocks] == [1, 3, 12]


@pytest.mark.parametrize("name", WIRINGS)
def test_without_blocks_the_hidden_state_is_the_embedding(name):
    assert [x.item() for x in wired(name, 0).hidden_states(one(), [])] == [1]


@pytest.mark.parametrize("name", WIRINGS)
def test_a_pass_changes_neither_the_embedding_nor_an_earlier_hidden_state(name):
    x = one()
    states = list(wired(name).hidden_states(x, times(2, 3, 5)))
    assert x.item() == 1
    assert states[0].item() == 1
    assert len({x.item() for x in states}) == 4


def product(factors):
    return torch.tensor(list(factors), dtype=torch.float64).prod().item()


CLOSED_FORMS = {  # paper, Table 1: forward, and ∂y/∂w_i = backward term x forward term, at x_0 = 1
    "feedforward": (
        lambda w: product(w),
        lambda w, i: product(w[i + 1 :]) * product(w[:i]),
    ),
    "residual": (
        lambda w: product(1 + v for v in w),
        lambda w, i: product(1 + v for v in w[i + 1 :]) * product(1 + v for v in w[:i]),
    ),
    "ac": (
        lambda w: 1 + sum(product(w[:k]) for k in range(1, len(w) + 1)),
        lambda w, i: (
            (1 + sum(product(w[i + 1 : k]) for k in range(i + 2, len(w) + 1))) * product(w[:i])
        ),
    ),
}


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_a_linear_chain_has_the_gradient_of_the_papers_table_1(name):
    w = [0.5, -1.5, 2.0, 0.7, 3.0]
    blocks = times(*w)
    y = wiring.last(wired(name).hidden_states(one(), blocks))
    y.backward()
    forward, gradient = CLOSED_FORMS[name]
    assert y.item() == pytest.approx(forward(w))
    for i, block in enumerate(blocks):
        assert block.weight.grad.item() == pytest.approx(gradient(w, i))


# ---------------------------------------------------------------- in a real network


def kill(block):
    """Let both branches of a Mixer block give 0."""
    for mlp in (block.token_mixing.mlp, block.channel_mixing.mlp):
        nn.init.zeros_(mlp.fc2.weight)
        nn.init.zeros_(mlp.fc2.bias)


def test_in_ac_plain_a_block_zeroed_zeroes_all_that_is_after_it(small, images):
    other = torch.rand(images.shape, generator=torch.Generator().manual_seed(2))
    network = small("ac_mixer", depth=4).eval()
    kill(network.blocks[1])
    values = []
    for block in network.blocks[2:]:
        block.register_forward_pre_hook(lambda _, args: values.append(args[0].clone()))
        block.register_forward_hook(lambda _, _args, out: values.append(out.clone()))
    with torch.no_grad():
        a, b = network.feature_depths(images), network.feature_depths(other)
    half = len(values) // 2
    for first, second in zip(values[:half], values[half:], strict=True):
        assert torch.equal(first, second)  # whatever the image
    assert values[0].abs().max() == 0
    assert torch.equal(a[1], a[2])  # the block itself adds nothing
    assert not torch.equal(a[1], b[1])


def test_in_residual_plain_a_block_zeroed_is_passed_by(small, images):
    network = small("residual_mixer", depth=4).eval()
    kill(network.blocks[1])
    with torch.no_grad():
        depths = network.feature_depths(images)
    assert torch.equal(depths[1], depths[2])
    assert not torch.allclose(depths[2], depths[3])


EVERY = [(name, variant) for name in BACKBONES for variant in variants(name)]


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_gradients_reach_every_weight(small, inputs, name, variant):
    network = small(name, variant=variant)
    network(*inputs(name)).square().sum().backward()
    for weight_name, weight in network.named_parameters():
        assert weight.grad is not None, weight_name
        # with no skip around it, this bias moves all channels of a token alike: the next norm removes it
        if name.startswith("residual") or not weight_name.endswith("token_mixing.mlp.fc2.bias"):
            assert weight.grad.abs().max() > 0, weight_name


def test_the_hidden_state_of_ac_is_the_sum_of_the_embedding_and_of_every_block(small, images):
    network = small("ac_mixer").eval()
    outputs = []
    for part in (network.stem, *network.blocks):
        part.register_forward_hook(lambda _, _args, out: outputs.append(out))
    with torch.no_grad():
        features = network.features(images)
        torch.testing.assert_close(features, network.readout(sum(outputs)))
    assert len(outputs) == 4
    assert all(not torch.equal(a, b) for a, b in pairwise(outputs))


def test_the_wirings_of_the_paper_have_no_weights():
    for name in ("ac", "residual", "feedforward"):
        assert list(wired(name).parameters()) == []


def test_densenet_projects_and_denseformer_weighs_each_earlier_output():
    assert [p.shape for p in wired("densenet").parameters()] == [(1, 1), (1, 2), (1, 3)]
    assert [p.shape for p in wired("denseformer").parameters()] == [(1,), (2,), (3,)]


def test_the_weights_of_densenet_and_denseformer_act():
    for name, by_hand in (("densenet", [1, 2, 6, 10]), ("denseformer", [1, 2, 6, 10])):
        wires = wired(name)
        with torch.no_grad():
            list(wires.parameters())[1].copy_(
                torch.tensor([0.0, 1.0])
            )  # the input of block 2 is x_1 alone
            list(wires.parameters())[2].copy_(torch.tensor([0.0, 1.0, 0.0]))
        assert [x.item() for x in wires.hidden_states(one(), times(2, 3, 5))] == by_hand


def test_every_wiring_of_a_family_can_be_built():
    for name in WIRINGS:
        assert type(build(f"{name}_mixer", 2, depth=1).wiring) is WIRINGS[name]
