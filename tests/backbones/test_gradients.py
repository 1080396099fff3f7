"""The split of each block's gradient: against closed forms, brute force, and what it must leave alone."""

from functools import partial

import pytest
import torch
from torch import nn

from acn_bench.backbones import gradients, truncate
from acn_bench.backbones.backbone import Backbone, Parts
from acn_bench.backbones.gradients import GradientSplit, split
from acn_bench.backbones.wiring import WIRINGS, add
from acn_bench.families.names import BACKBONES, variants

EVERY = [(name, variant) for name in BACKBONES for variant in variants(name)]


# ---------------------------------------------------------------- the paper's Table 1


class Times(nn.Module):
    """A block of one branch that multiplies its input."""

    def __init__(self, factor):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(factor, dtype=torch.float64))

    def forward(self, x, join):
        return join(x, x * self.weight)


class Chain(Backbone):
    """A 1-D linear chain: numbers (B,) -> numbers (B,)."""

    def __init__(self, name, factors):
        nothing = nn.Identity()
        parts = Parts((1,), nothing, [Times(f) for f in factors], nothing, 1)
        wiring = WIRINGS[name](len(factors), 1).double()
        super().__init__(parts=parts, wiring=wiring, head=nothing, precision="fp32")

    def _hidden_states(self, x):
        return self._run_blocks(x, self.blocks)


def product(factors):
    return torch.tensor(list(factors), dtype=torch.float64).prod().item()


# ∂y/∂w_i = backward term x forward term x x_0; (DG, FG) of the backward term, and the forward term
def feedforward(w, i):
    full = product(w[i + 1 :])
    return 1.0 if i == len(w) - 1 else 0.0, full, product(w[:i])


def residual(w, i):
    return 1.0, product(1 + v for v in w[i + 1 :]), product(1 + v for v in w[:i])


def ac(w, i):
    paths = sum(product(w[i + 1 : j + 1]) for j in range(i + 1, len(w)))
    return 1.0, 1.0 + paths, product(w[:i])


@pytest.mark.parametrize("closed_form", [feedforward, residual, ac], ids=lambda f: f.__name__)
def test_a_linear_chain_splits_as_the_papers_table_1_says(closed_form):
    w, x0 = [0.5, -1.5, 2.0, 0.7, 3.0], 1.3
    chain = Chain(closed_form.__name__, w)
    layers = split(chain, lambda: chain(torch.tensor([x0], dtype=torch.float64)).sum())
    for i, layer in enumerate(layers):
        direct, full, forward = closed_form(w, i)
        assert layer.full == pytest.approx(abs(full * forward * x0))
        assert layer.direct == pytest.approx(abs(direct * forward * x0))
        assert layer.mediated == pytest.approx(abs((full - direct) * forward * x0))
        assert layer.ratio == pytest.approx(abs(direct / full))
        agree = direct * (full - direct)
        assert layer.cosine == (
            None if abs(agree) < 1e-12 else pytest.approx(1 if agree > 0 else -1)
        )


def test_the_example_of_three_blocks_by_hand():
    def three(name):
        chain = Chain(name, [2.0, 3.0, 5.0])
        layers = split(chain, lambda: chain(torch.ones(1, dtype=torch.float64)).sum())
        return [(round(g.full, 9), round(g.direct, 9), round(g.mediated, 9)) for g in layers]

    # y = 1 + w1 + w1 w2 + w1 w2 w3
    assert three("ac") == [(1 + 3 + 15, 1, 18), (2 * (1 + 5), 2, 10), (6, 6, 0)]
    # y = (1 + w1)(1 + w2)(1 + w3)
    assert three("residual") == [(4 * 6, 1, 23), (3 * 6, 3, 15), (3 * 4, 12, 0)]
    # y = w1 w2 w3
    assert three("feedforward") == [(15, 0, 15), (10, 0, 10), (6, 6, 0)]
    # x3 = w3 (x0 + x1 + x2), with x1 = w1, x2 = w2 (1 + w1)
    assert three("densenet") == three("denseformer") == [(5 * 4, 0, 20), (15, 0, 15), (12, 12, 0)]


# ---------------------------------------------------------------- every backbone


def objective(network, given):
    """A loss that is the same for the same values."""
    return lambda: nn.functional.cross_entropy(network(*given), torch.arange(4))


def constant_after(network, i):
    """The blocks after block i compute the same, and no gradient passes through their branches."""

    def still(block, x, join, **named):
        if join is add:
            return block(x, lambda stream, branch: add(stream, branch.detach()), **named)
        return block(x, join, **named).detach()

    class Still(nn.Module):
        def __init__(self, block):
            super().__init__()
            self.forward = partial(still, block)

    for j in range(i + 1, network.depth):
        network.blocks[j] = Still(network.blocks[j])


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_direct_is_what_is_left_when_all_later_branches_are_held_constant(
    small, inputs, name, variant
):
    given = inputs(name)
    network = small(name, variant=variant)
    logits = network(*given)
    network.dg_only = True
    assert torch.equal(network(*given), logits)  # bit for bit
    objective(network, given)().backward()
    for i in range(network.depth):
        slow = small(name, variant=variant)
        constant_after(slow, i)
        objective(slow, given)().backward()
        pairs = zip(network.blocks[i].parameters(), slow.blocks[i].parameters(), strict=True)
        for fast, brute in pairs:
            direct = torch.zeros_like(fast) if fast.grad is None else fast.grad
            expected = torch.zeros_like(brute) if brute.grad is None else brute.grad
            torch.testing.assert_close(direct, expected, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize(("name", "variant"), EVERY)
def test_the_parts_add_up_and_the_last_block_has_no_mediated_part(small, inputs, name, variant):
    network = small(name, variant=variant)
    layers = split(network, objective(network, inputs(name)))
    assert len(layers) == network.depth
    for g in layers:
        if g.cosine is not None:  # |DG + NG|² = |DG|² + |NG|² + 2 DG·NG
            joint = g.direct**2 + g.mediated**2 + 2 * g.cosine * g.direct * g.mediated
            assert joint == pytest.approx(g.full**2, rel=1e-6)
    assert layers[-1].ratio == pytest.approx(1)
    assert layers[-1].mediated < 1e-6 * layers[-1].full
    has_direct = name.startswith(("ac", "residual"))
    assert all((g.direct > 0) == has_direct for g in layers[:-1])
    assert all(g.mediated > 0 for g in layers[:-1])


@pytest.mark.parametrize("name", [n for n in BACKBONES if n.endswith("mixer")])
def test_the_stem_keeps_its_long_connection_or_its_stream_and_nothing_else(small, images, name):
    network = small(name)
    network.dg_only = True
    objective(network, (images,))().backward()
    reached = network.stem.proj.weight.grad is not None
    assert reached == name.startswith(("ac", "residual"))
    if reached:  # as if the branches of all blocks were constants
        alone = small(name)
        constant_after(alone, -1)
        objective(alone, (images,))().backward()
        torch.testing.assert_close(network.stem.proj.weight.grad, alone.stem.proj.weight.grad)


def test_direct_gradients_alone_train_ac(small, images):
    network = small("ac_mixer")
    network.dg_only = True
    loss = objective(network, (images,))
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    first = loss().item()
    for _ in range(20):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    assert loss().item() < 0.3 * first


def test_dg_only_changes_nothing_without_gradients_and_survives_truncation(small, images):
    network = small("residual_mixer").eval()
    with torch.no_grad():
        depths = network.forward_depths(images)
        network.dg_only = True
        assert torch.equal(network.forward_depths(images), depths)
        assert truncate(network, 2).dg_only
    assert network.state_dict().keys() == small("residual_mixer").state_dict().keys()


def test_bf16_splits_too(small, images):
    network = small("residual_mixer", variant="released", precision="bf16")
    exact = small("residual_mixer", variant="released")
    layers = split(network, objective(network, (images,)))
    expected = split(exact, objective(exact, (images,)))
    for layer, exact_layer in zip(layers, expected, strict=True):
        assert layer.ratio == pytest.approx(exact_layer.ratio, rel=0.05)


# ---------------------------------------------------------------- what it leaves alone, what it holds


class Noisy(nn.Module):
    """A branch with dropout and a running count, around another."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.drop = nn.Dropout(0.5)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return self.drop(self.inner(x))


@pytest.mark.parametrize("name", ["ac_mixer", "residual_mixer", "feedforward_mixer"])
def test_it_leaves_weights_buffers_gradients_and_generators_as_they_were(small, images, name):
    network = small(name)
    for block in network.blocks:
        block.token_mixing = Noisy(block.token_mixing)
    loss = objective(network, (images,))
    loss().backward()
    state = {k: v.clone() for k, v in network.state_dict().items()}
    grads = [p.grad.clone() for p in network.parameters()]
    random = torch.random.get_rng_state()
    with torch.no_grad():  # as in an evaluation step
        layers = split(network, loss)
    assert torch.equal(torch.random.get_rng_state(), random)
    assert all(torch.equal(v, state[k]) for k, v in network.state_dict().items())
    assert all(torch.equal(p.grad, g) for p, g in zip(network.parameters(), grads, strict=True))
    assert not network.dg_only
    assert network.training
    # both passes drew the same dropout, else the last block would have a mediated part
    assert layers[-1].mediated < 1e-6 * layers[-1].full


def test_dropout_is_drawn_once_whatever_the_gradients(small, images):
    network = small("residual_mixer")
    for block in network.blocks:
        block.token_mixing = Noisy(block.token_mixing)
    torch.manual_seed(0)
    logits = network(images)
    after = torch.random.get_rng_state()
    network.dg_only = True
    torch.manual_seed(0)
    assert torch.equal(network(images), logits)
    assert torch.equal(torch.random.get_rng_state(), after)


@pytest.mark.parametrize("depth", [2, 6])
def test_two_passes_and_two_sets_of_gradients_whatever_the_depth(small, images, monkeypatch, depth):
    network = small("ac_mixer", depth=depth)
    calls, passes = [], []
    real = torch.autograd.grad
    monkeypatch.setattr(
        torch.autograd, "grad", lambda *a, **k: calls.append(real(*a, **k)) or calls[-1]
    )
    split(network, lambda: passes.append(1) or objective(network, (images,))())
    blocks = sum(p.numel() for p in network.blocks.parameters())
    assert len(passes) == 2
    assert [sum(g.numel() for g in gradients) for gradients in calls] == [blocks, blocks]


def test_one_weight_of_each_block_can_be_looked_at(small, images):
    network = small("ac_mixer")
    loss = objective(network, (images,))
    layers = split(network, loss, parameter="channel_mixing.mlp.fc1.weight")
    loss().backward()
    for layer, block in zip(layers, network.blocks, strict=True):
        norm = block.channel_mixing.mlp.fc1.weight.grad.norm().item()
        assert layer.full == pytest.approx(norm, rel=1e-5)
    with pytest.raises(LookupError, match=r"block 1 has no parameter 'fc1'\. Known: token_mixing"):
        split(network, loss, parameter="fc1")


def test_a_frozen_block_and_a_failing_loss_leave_the_switch_alone(small, images):
    network = small("ac_mixer")
    network.blocks[1].requires_grad_(False)
    layers = split(network, objective(network, (images,)))
    assert (layers[1].full, layers[1].ratio, layers[1].cosine) == (0, None, None)
    assert layers[0].full > 0
    network.dg_only = True
    with pytest.raises(ZeroDivisionError):
        split(network, lambda: 1 / 0)
    assert network.dg_only


# ---------------------------------------------------------------- in training


def test_the_recorder_measures_at_every_so_many_steps_and_training_goes_on_unchanged(small, images):
    def train(recorder_of):
        network = small("ac_mixer")
        recorder = recorder_of(network)
        optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
        for _ in range(5):
            loss = objective(network, (images,))
            recorder(loss)
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()
        return network, recorder

    plain, _ = train(lambda _: lambda _: None)
    network, recorder = train(lambda network: GradientSplit(network, every=2))
    assert recorder.steps == [0, 2, 4]
    table = recorder.table("ratio")
    assert [len(row) for row in table] == [3, 3, 3]
    assert table[1] == [layer.ratio for layer in recorder.measured[2]]
    assert table[0] != table[1]
    for a, b in zip(plain.parameters(), network.parameters(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(ValueError, match="every must be at least 1 step, not 0"):
        GradientSplit(network, every=0)


def test_the_split_is_that_of_any_model_that_holds_the_backbone(small, images):
    network = small("ac_mixer")
    whole = nn.Sequential(network, nn.Tanh())
    loss = lambda: whole(images).square().sum()  # noqa: E731
    layers = gradients.split(network, loss)
    loss().backward()
    for layer, block in zip(layers, network.blocks, strict=True):
        norm = torch.cat([p.grad.flatten() for p in block.parameters()]).norm().item()
        assert layer.full == pytest.approx(norm, rel=1e-5)
