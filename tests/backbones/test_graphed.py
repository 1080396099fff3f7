"""Training passes that are replayed: equal losses and gradients, and no replay where it would be wrong.

Without a GPU a stand-in replays: it computes the recorded pass again, into the same memory.
"""

import copy

import pytest
import torch
from torch.func import functional_call

from acn_bench.backbones import from_spec, gradients, graphed
from acn_bench.families.mixer import MixerSpec
from acn_bench.families.vit import ViTSpec


class StandIn(graphed._Record):
    """A record whose replays compute the pass again; what it keeps is overwritten as a CUDA graph overwrites it."""

    def __init__(self, passes, autocast, x):
        self.replays, self._last = 0, None
        leaves = {
            n: p.detach().requires_grad_(p.requires_grad) for n, p in passes.named_parameters()
        }
        self.input = x.detach().clone().requires_grad_()
        self.inputs = [self.input, *(leaf for leaf in leaves.values() if leaf.requires_grad)]
        self.compute = lambda: functional_call(passes, leaves, (self.input, autocast))
        output = self.compute()
        self.output_gradient, self.output = torch.zeros_like(output), output.detach().clone()
        found = torch.autograd.grad(
            output, self.inputs, torch.zeros_like(output), allow_unused=True
        )
        self.gradients = [torch.zeros_like(g) for g in found if g is not None]
        trained = [p for p in passes.parameters() if p.requires_grad]
        self.weights = [p for p, g in zip(trained, found[1:], strict=True) if g is not None]
        self._forward, self._backward = _Replay(self.forward), _Replay(self.backward)

    @torch.enable_grad()
    def forward(self):
        self.live = self.compute()
        self.output.copy_(self.live.detach())

    def backward(self):
        found = torch.autograd.grad(
            self.live, self.inputs, self.output_gradient, allow_unused=True, retain_graph=True
        )
        torch._foreach_copy_(self.gradients, [g for g in found if g is not None])


class _Replay:
    def __init__(self, run):
        self.replay = run


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request, monkeypatch):
    """Of passes that are recorded; on a CPU by the stand-in."""
    if request.param == "cpu":
        can_record = graphed._can_record

        class OnGpu:  # what `_can_record` asks of x_0, as of one on a GPU
            is_cuda = True

            def __init__(self, x):
                self.requires_grad = x.requires_grad

        monkeypatch.setattr(graphed, "_can_record", lambda x: can_record(OnGpu(x)))
        monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
        monkeypatch.setattr(graphed, "_Record", StandIn)
    return request.param


SIZES = {"depth": 2, "patch_size": 8, "width": 16}
NETWORKS = {
    "ac": MixerSpec(wiring="ac", **SIZES),
    "released": MixerSpec(wiring="residual", variant="released", **SIZES),
    "denseformer": MixerSpec(wiring="denseformer", **SIZES),
    "vit": ViTSpec(wiring="ac", heads=2, **SIZES),
}


def network(device, spec=NETWORKS["ac"], *, on=True, precision="fp32"):
    torch.manual_seed(0)
    mean = std = (0.5, 0.5, 0.5)
    model = from_spec(spec, 5, mean=mean, std=std, precision=precision).to(device).train()
    model.graphed = on
    return model


def images(device, count=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, 3, 32, 32, generator=generator).to(device)


def trained(model, steps=12):
    """The losses of training; every fifth batch is smaller, as the last of an epoch."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for k in range(steps):
        x = images(next(model.parameters()).device, count=3 if k % 5 == 4 else 8, seed=k)
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def replays(model):
    return model._recorder._record.replays if model._recorder._record else 0


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", NETWORKS)
def test_training_is_equal_with_replayed_passes(device, name, precision):
    model = network(device, NETWORKS[name], precision=precision)
    without = network(device, NETWORKS[name], on=False, precision=precision)
    assert trained(model) == pytest.approx(trained(without), rel=1e-5)
    assert replays(model) > 5
    assert replays(without) == 0


def test_a_smaller_batch_runs_without_the_record(device):
    model = network(device)
    trained(model)
    before = replays(model)
    model(images(device, count=3)).sum().backward()
    assert replays(model) == before


def test_gradients_of_several_passes_add_up(device):
    model, without = network(device), network(device, on=False)
    for one in (model, without):
        trained(one)
        one.zero_grad()
        for seed in range(3):
            one(images(device, seed=seed)).square().mean().backward()
    for p, q in zip(model.parameters(), without.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad)


def test_a_second_pass_before_the_backward_pass_is_not_replayed(device):
    model, without = network(device), network(device, on=False)
    for one in (model, without):
        trained(one)
        one.zero_grad()
        (one(images(device)) - one(images(device, seed=1))).square().mean().backward()
    for p, q in zip(model.parameters(), without.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad)


def test_a_pass_that_was_dropped_before_its_backward_pass_is_not_waited_for(device):
    model = network(device)
    trained(model)
    before = replays(model)
    for _ in range(2):
        model(images(device))  # its graph is freed at once
    assert replays(model) == before + 2


def test_a_backward_pass_through_an_earlier_pass_is_refused(device):
    model = network(device)
    trained(model)
    first = model(images(device)).sum()
    first.backward(retain_graph=True)
    model(images(device, seed=1))
    with pytest.raises(RuntimeError, match="activations of its last training pass alone"):
        first.backward()


def test_a_copy_has_a_record_of_its_own(device):
    model = network(device)
    trained(model)
    copied = copy.deepcopy(model)
    assert replays(copied) == 0
    assert trained(copied) == pytest.approx(trained(model), rel=1e-5)


def test_weights_in_other_memory_are_recorded_anew(device):
    model, without = network(device), network(device, on=False)
    for one in (model, without):
        trained(one)
        for p in one.parameters():
            p.data = torch.full_like(p, 0.01)
    assert trained(model) == pytest.approx(trained(without), rel=1e-5)


def test_a_frozen_weight_gets_no_gradient(device):
    model = network(device)
    trained(model)
    model.zero_grad()
    frozen = next(model.blocks.parameters()).requires_grad_(False)
    for _ in range(6):
        model(images(device)).sum().backward()
    assert frozen.grad is None


def test_a_pass_whose_gradients_are_watched_is_not_replayed(device):
    model, seen = network(device), []
    next(model.blocks.parameters()).register_hook(lambda g: seen.append(g.shape))
    trained(model, steps=6)
    assert (len(seen), replays(model)) == (6, 0)


@pytest.mark.parametrize("switch", ["dg_only", "checkpointing"])
def test_what_changes_a_pass_is_not_replayed(device, switch):
    model = network(device)
    setattr(model, switch, True)
    trained(model, steps=6)
    assert replays(model) == 0


def test_gradients_are_split_without_the_record(device):
    model, without = network(device), network(device, on=False)
    parts = []
    for one in (model, without):
        trained(one)
        parts.append(gradients.split(one, lambda one=one: one(images(device)).square().mean()))
    assert model.graphed
    for layer, other in zip(*parts, strict=True):
        assert layer.full == pytest.approx(other.full, rel=1e-4)
        assert layer.direct == pytest.approx(other.direct, rel=1e-4)


def test_evaluation_and_every_depth_are_not_replayed(device):
    model = network(device)
    trained(model)
    before = replays(model)
    model.forward_depths(images(device)).sum().backward()
    model.eval()
    model(images(device))
    assert replays(model) == before


def test_on_a_cpu_nothing_is_recorded():
    model = network("cpu")
    trained(model, steps=6)
    assert replays(model) == 0
