"""Pruning of a BERT's Linears: one threshold over all, and zeros that stay."""

import pytest
import torch
from torch import nn

from acn_bench import backbones
from acn_bench.training import pruning
from acn_bench.training.pruning import KeptZeros, by_magnitude, by_movement, linears, remaining


@pytest.fixture
def network():
    torch.manual_seed(0)
    return backbones.build("ac_bert", 2, 2, vocab_size=20, max_length=8, width=16, heads=2)


def step(network, optimizer):
    optimizer.zero_grad()
    ids = torch.randint(0, 20, (4, 8))
    nn.functional.cross_entropy(network(ids), torch.tensor([0, 1, 0, 1])).backward()
    optimizer.step()


def test_only_linears_of_blocks_are_pruned(network):
    before = {k: v.clone() for k, v in network.state_dict().items()}
    by_magnitude(linears(network), 0.5)
    changed = {k for k, v in network.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {k for k in before if k.startswith("blocks") and k.endswith("weight") and "norm" not in k}  # fmt: skip
    assert {k for k, _ in network.named_parameters()} == set(before)


def test_one_threshold_holds_for_all_and_shares_are_of_what_is_left(network):
    layers = linears(network)
    layers[0].weight.data.mul_(0.01)
    total = remaining(layers).total
    by_magnitude(layers, 0.1)
    assert remaining(layers[:1]).left < 0.5 * remaining(layers[:1]).total
    assert remaining(layers[1:]).left > 0.98 * remaining(layers[1:]).total
    left = [round(0.9 * total)]
    for _ in range(2):
        by_magnitude(layers, 0.1)
        left.append(remaining(layers).left)
    assert left == pytest.approx([0.9 * total, 0.81 * total, 0.729 * total], abs=2)


def test_the_smallest_weights_go_first(network):
    layers = linears(network)
    before = torch.cat([layer.weight.detach().flatten() for layer in layers])
    by_magnitude(layers, 0.3)
    after = torch.cat([layer.weight.detach().flatten() for layer in layers])
    assert before[after == 0].abs().max() <= before[after != 0].abs().min()


def test_movement_ranks_by_weight_times_gradient(network):
    layers, optimizer = linears(network), torch.optim.SGD(network.parameters(), lr=0.0)
    step(network, optimizer)
    scores = torch.cat([(v.weight * v.weight.grad).detach().abs().flatten() for v in layers])
    by_movement(layers, 0.4)
    zero = torch.cat([(layer.weight == 0).flatten() for layer in layers])
    assert scores[zero].max() <= scores[~zero].min()
    assert all(layer.weight.grad is not None for layer in layers)


def test_pruned_weights_stay_zero_while_the_others_train(network):
    layers, optimizer = linears(network), torch.optim.AdamW(network.parameters(), lr=0.01)
    kept = KeptZeros(layers, optimizer)
    step(network, optimizer)
    by_magnitude(layers, 0.5)
    zero = [layer.weight.detach() == 0 for layer in layers]
    before = [layer.weight.detach().clone() for layer in layers]
    kept.renew()
    for _ in range(3):
        step(network, optimizer)
    for layer, mask, old in zip(layers, zero, before, strict=True):
        assert not layer.weight[mask].any()
        assert (layer.weight[~mask] != old[~mask]).any()
        assert not optimizer.state[layer.weight]["exp_avg"][mask].any()


def test_a_pruned_network_can_be_cut_and_saved(network, tmp_path):
    by_magnitude(linears(network), 0.5)
    backbones.save(backbones.truncate(network, 1), tmp_path / "cut.safetensors")
    cut = backbones.load(tmp_path / "cut.safetensors")
    assert pruning.remaining(linears(cut)).left < remaining(linears(cut)).total
