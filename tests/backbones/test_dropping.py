"""A dropped block is absent: the network computes what it would compute without it."""

import pytest
import torch
from torch import nn

from acn_bench.backbones import dropping
from acn_bench.backbones.dropping import Dropping
from acn_bench.backbones.wiring import WIRINGS


def times(factor):
    return lambda x, join: join(x, x * factor)


# Blocks multiply by 2, 3, 5; the second is absent.
BY_HAND = {
    "residual": [1, 3, 3, 3 * 6],
    "ac": [1, 1 + 2, 1 + 2, 1 + 2 + 2 * 5],
    "feedforward": [1, 2, 2, 10],
    "densenet": [1, 2, 2, (1 + 2) * 5],
    "denseformer": [1, 2, 2, (1 + 2) * 5],
}
# The last one, and the first one.
LAST = {"residual": 12, "ac": 9, "feedforward": 6, "densenet": 9, "denseformer": 9}
FIRST = {
    "residual": 4 * 6,
    "ac": 1 + 3 + 15,
    "feedforward": 15,
    "densenet": (1 + 3) * 5,
    "denseformer": (1 + 3) * 5,
}


@pytest.mark.parametrize("name", WIRINGS)
def test_the_hidden_states_are_those_of_the_network_without_the_block(name):
    wires = WIRINGS[name](3, 1).double()
    x = torch.ones(4, 1, dtype=torch.float64)
    active = torch.tensor(
        [[True, True, True, False], [False, True, True, True], [True, True, False, True]]
    )
    states = dropping.hidden_states(wires, x, [times(f) for f in (2, 3, 5)], active)
    second, none, last, first = torch.cat(list(states), dim=1).tolist()
    assert second == BY_HAND[name]
    assert none[-1] == {"residual": 72, "ac": 39, "feedforward": 30}.get(name, 60)
    assert last[-1] == last[-2] == LAST[name]
    assert first[-1] == FIRST[name]
    assert first[1] == first[0] == 1


def without(network, i):
    """The network, less its block i."""
    network.blocks = nn.ModuleList(b for k, b in enumerate(network.blocks) if k != i)
    return network


@pytest.mark.parametrize("name", ["ac_mixer", "residual_vit", "feedforward_mixer", "residual_bert"])
@pytest.mark.parametrize("per_example", [True, False])
def test_in_a_real_network_too(small, inputs, name, per_example):
    given = inputs(name)
    network = small(name)
    for i in range(3):
        rates = tuple(float(k == i) for k in range(3))
        network.dropping = Dropping(rates, per_example)
        less = without(small(name), i)
        torch.testing.assert_close(network(*given), less(*given))
        depths = network.forward_depths(*given)
        assert depths.shape == (4, 4, 7)
        assert torch.equal(depths[i], depths[i + 1])
        torch.testing.assert_close(
            torch.cat([depths[: i + 1], depths[i + 2 :]]), less.forward_depths(*given)
        )


@pytest.mark.parametrize("name", [f"{wiring}_mixer" for wiring in WIRINGS])
def test_each_example_draws_for_itself_and_gets_the_logits_that_it_would_get_alone(
    small, images, name
):
    network = small(name)
    network.dropping = Dropping((0.5, 0.5, 0.5))
    torch.manual_seed(3)
    logits = network.forward_depths(images)
    torch.manual_seed(3)
    active = network.dropping.draw(len(images))
    assert not active.all()
    assert len({tuple(column) for column in active.T.tolist()}) > 1
    for e in range(len(images)):
        network.dropping = Dropping(tuple(float(not t) for t in active[:, e].tolist()))
        torch.testing.assert_close(
            network.forward_depths(images[e : e + 1])[:, 0], logits[:, e], rtol=1e-4, atol=1e-5
        )


def test_a_batch_drops_together_where_examples_do_not_draw(small, images):
    active = Dropping((0.5,) * 40, per_example=False).draw(6)
    assert (active == active[:, :1]).all()
    assert 5 < active[:, 0].sum() < 35


def test_a_rate_is_how_often_a_block_is_dropped():
    torch.manual_seed(0)
    active = Dropping((0.0, 0.1, 0.8, 1.0)).draw(20_000)
    assert active[0].all()
    assert not active[3].any()
    shares = (~active).float().mean(dim=1)
    torch.testing.assert_close(shares, torch.tensor([0, 0.1, 0.8, 1]), rtol=0, atol=0.01)


@pytest.mark.parametrize("name", [f"{wiring}_mixer" for wiring in WIRINGS])
@pytest.mark.parametrize("per_example", [True, False])
def test_a_dropped_block_is_not_called_and_gets_no_gradient(small, images, name, per_example):
    network = small(name)
    calls = []
    for i, block in enumerate(network.blocks):
        block.register_forward_hook(lambda *_, i=i: calls.append(i))
    network.dropping = Dropping((0.0, 1.0, 0.0), per_example)
    network(images).square().sum().backward()
    assert calls == [0, 2]
    assert all(p.grad is None for p in network.blocks[1].parameters())
    mlp = "channel_mixing.mlp.fc2.weight"
    assert network.blocks[0].get_parameter(mlp).grad.abs().max() > 0
    assert network.blocks[2].get_parameter(mlp).grad.abs().max() > 0


def test_only_the_examples_for_which_a_block_is_active_train_it(small, images):
    network = small("ac_mixer")
    network.dropping = Dropping((0.0, 0.5, 0.0))
    torch.manual_seed(1)
    active = network.dropping.draw(len(images))[1]
    assert active.any()
    assert not active.all()
    torch.manual_seed(1)
    network(images)[~active].square().sum().backward()
    assert all(p.grad.abs().max() == 0 for p in network.blocks[1].parameters())


@pytest.mark.parametrize("name", ["ac_mixer", "residual_mixer", "densenet_mixer"])
def test_in_evaluation_mode_nothing_is_dropped_and_nothing_is_drawn(small, images, name):
    plain = small(name).eval()
    network = small(name).eval()
    network.dropping = Dropping((0.9, 0.9, 0.9))
    random = torch.random.get_rng_state()
    assert torch.equal(network.forward_depths(images), plain.forward_depths(images))
    assert torch.equal(torch.random.get_rng_state(), random)


@pytest.mark.parametrize("name", [f"{wiring}_mixer" for wiring in WIRINGS])
def test_rates_of_zero_change_nothing_and_of_one_leave_the_embedding(small, images, name):
    network = small(name)
    logits = network.forward_depths(images)
    network.dropping = Dropping((0.0, 0.0, 0.0))
    assert torch.equal(network.forward_depths(images), logits)
    network.dropping = Dropping((1.0, 1.0, 1.0))
    assert all(torch.equal(row, logits[0]) for row in network.forward_depths(images))


def test_it_goes_with_direct_gradients_alone(small, images):
    network = small("residual_mixer")
    network.dropping = Dropping((0.0, 1.0, 0.0))
    network.dg_only = True
    network(images).square().sum().backward()
    less = without(small("residual_mixer"), 1)
    less.dg_only = True
    less(images).square().sum().backward()
    for a, b in zip(network.blocks[0].parameters(), less.blocks[0].parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


def test_rates_for_another_number_of_blocks_are_refused(small, images):
    network = small("ac_mixer")
    network.dropping = Dropping((0.1, 0.1))
    with pytest.raises(ValueError, match="rates for 2 blocks, and the network has 3"):
        network(images)
